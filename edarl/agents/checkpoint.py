"""Checkpoints: a folder of safetensors files and one JSON manifest with their sha256.

Nothing is ever unpickled: a checkpoint may come from a stranger. The manifest is read with a size
limit and a strict schema, every tensor file is read once, compared with its sha256, and only then
parsed; names, shapes and types must be the ones the receiving agent expects.

Tensors cross this module as numpy arrays, so it does not need torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError

from edarl import __version__
from edarl.errors import CheckpointError

__all__ = [
    "FORMAT_VERSION",
    "MANIFEST_NAME",
    "Checkpoint",
    "CircuitRecord",
    "Kind",
    "Manifest",
    "NetworkShape",
    "TensorFile",
    "TensorRecord",
    "Tensors",
    "check_tensors",
    "load_checkpoint",
    "read_manifest",
    "save_checkpoint",
    "versions",
]

FORMAT_VERSION = 1
MANIFEST_NAME = "manifest.json"
_MANIFEST_LIMIT_BYTES = 16 * 1024 * 1024
_TENSOR_FILE_LIMIT_BYTES = 8 * 1024**3
_PREVIOUS = ".previous"

Tensors = Mapping[str, np.ndarray]
"""Arrays by name."""

Kind = Literal["cells", "dqn", "fixes", "policy", "ppo", "value"]
"""What a checkpoint can hold."""

_Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
_Text = Annotated[str, StringConstraints(max_length=200)]
_Count = Annotated[int, Field(ge=0, lt=2**63)]


class _Record(BaseModel):
    """A frozen record of the manifest, without unknown keys and without conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TensorRecord(_Record):
    """What one tensor looks like."""

    dtype: _Text = Field(description="numpy name of the element type.")
    shape: tuple[_Count, ...] = Field(strict=False, description="Length of each axis.")


class TensorFile(_Record):
    """One safetensors file of the checkpoint."""

    sha256: _Sha256 = Field(description="Of the file's bytes.")
    size_bytes: _Count = Field(description="Length of the file.")
    tensors: dict[_Text, TensorRecord] = Field(description="Every tensor in it, by name.")


class NetworkShape(_Record):
    """What the network takes and gives; its weights do not depend on the width."""

    planes: _Count = Field(description="Observation planes, C.")
    components: _Count = Field(description="Cost components, K; 0 for an agent on scalar reward.")


class CircuitRecord(_Record):
    """The circuit that the agent was trained on."""

    kind: _Text = Field(description="A key of `edarl.prefix.circuits.KINDS`.")
    width: _Count = Field(description="Operand width in bits.")
    carry_in: bool = Field(description="Whether the carry-in port exists.")
    carry_out: bool = Field(description="Whether the carry-out port exists.")


class Manifest(_Record):
    """Everything about a checkpoint that is not a tensor."""

    format: Literal["edarl-agent"] = Field(description="Says that this is one of ours.")
    version: Literal[1] = Field(description="Of this layout.")
    kind: Kind = Field(
        description="Which agent it is; policy: a dqn that only chooses; value: a model of costs."
    )
    config: dict[str, JsonValue] = Field(description="The agent's settings as resolved.")
    network: NetworkShape = Field(description="Planes and components.")
    circuit: CircuitRecord | None = Field(description="Trained on; None when unknown.")
    library: _Text | None = Field(description="Digest of the cell library; None when unknown.")
    step: _Count = Field(description="Environment steps taken.")
    calls: _Count = Field(description="Evaluator calls spent.")
    seed: _Count = Field(description="The one seed that all others are derived from.")
    state: dict[str, JsonValue] = Field(description="Counters, random generators and archive.")
    versions: dict[_Text, _Text] = Field(description="Of the programs that wrote it.")
    files: dict[_Name, TensorFile] = Field(description="Tensor files by name, without suffix.")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A manifest and the tensors that it vouches for.

    Attributes:
        manifest: The manifest, checked.
        tensors: For each file of the manifest its arrays by name.
    """

    manifest: Manifest
    tensors: Mapping[str, Tensors]


def versions() -> dict[str, str]:
    """Give the versions of the programs that decide an agent's numbers."""
    found = {"edarl": __version__, "python": platform.python_version()}
    for name in ("numpy", "torch", "safetensors", "gymnasium", "sb3-contrib"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


# -------------------------------------------------------------------- writing


def save_checkpoint(path: Path, manifest: Manifest, tensors: Mapping[str, Tensors]) -> Manifest:
    """Write a checkpoint so that a kill at any moment leaves a whole one behind.

    Everything goes into a new folder beside ``path``, which is renamed at the end; a checkpoint
    that is already there steps aside under the suffix ``.previous`` until the new one is in place,
    and `load_checkpoint` finds it there.

    Args:
        path: The folder to become the checkpoint.
        manifest: Its ``files`` are replaced by what is really written.
        tensors: Arrays by file name and tensor name.

    Returns:
        The manifest as written.

    Raises:
        CheckpointError: The folder cannot be written, or ``path`` is something else already.
    """
    path = Path(path)
    previous = path.with_name(path.name + _PREVIOUS)
    if path.exists() and not (path / MANIFEST_NAME).is_file():
        raise CheckpointError(
            f"a checkpoint should go to a new folder or replace a checkpoint, "
            f"but {path} is something else; choose another place"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise CheckpointError(f"the checkpoint {path} cannot be written: {error}") from error
    try:
        written = manifest.model_copy(
            update={"files": {name: _write(draft, name, part) for name, part in tensors.items()}}
        )
        Manifest.model_validate_json(written.model_dump_json())
        _write_bytes(draft / MANIFEST_NAME, written.model_dump_json(indent=1).encode())
        if path.exists():
            shutil.rmtree(previous, ignore_errors=True)
            path.rename(previous)
        draft.rename(path)
    except OSError as error:
        raise CheckpointError(f"the checkpoint {path} cannot be written: {error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    shutil.rmtree(previous, ignore_errors=True)
    return written


def _write(folder: Path, name: str, tensors: Tensors) -> TensorFile:
    from safetensors.numpy import save

    arrays = {key: np.array(array, order="C") for key, array in tensors.items()}
    data = save(arrays)
    _write_bytes(folder / f"{name}.safetensors", data)
    return TensorFile(
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        tensors={
            key: TensorRecord(dtype=array.dtype.name, shape=array.shape)
            for key, array in sorted(arrays.items())
        },
    )


def _write_bytes(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


# -------------------------------------------------------------------- reading


def read_manifest(text: str | bytes) -> Manifest:
    """Read a manifest that anybody may have written.

    Raises:
        CheckpointError: It is too long, not JSON, or not of the expected form; every offending
            entry is listed.
    """
    if len(text) > _MANIFEST_LIMIT_BYTES:
        raise CheckpointError(
            f"a manifest should have at most {_MANIFEST_LIMIT_BYTES} bytes, actual: {len(text)}"
        )
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"a manifest should be JSON: {error}") from error
    if not isinstance(data, dict):
        raise CheckpointError(
            f"a manifest should be a JSON object, actual type: {type(data).__name__}"
        )
    if data.get("format") == "edarl-agent" and data.get("version") != FORMAT_VERSION:
        raise CheckpointError(
            f"the manifest's `version` should be {FORMAT_VERSION}, actual: "
            f"{_shortened(data.get('version'))}; it was written by another release of edarl"
        )
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        offenders = "; ".join(
            f"`{'.'.join(str(part)[:60] for part in entry['loc'])}`: {entry['msg']}, "
            f"actual: {_shortened(entry['input'])}"
            for entry in error.errors()[:8]
        )
        more = f"; and {error.error_count() - 8} more" if error.error_count() > 8 else ""
        raise CheckpointError(f"the manifest is not an agent's: {offenders}{more}") from error
    except (RecursionError, OverflowError) as error:
        raise CheckpointError(f"the manifest is not an agent's: {error}") from error


def load_checkpoint(path: Path, *kinds: Kind, only: Collection[str] | None = None) -> Checkpoint:
    """Read a checkpoint and check every byte of it.

    Args:
        path: The folder.
        *kinds: What the receiver can use, at least one.
        only: Names of the files to read; None reads all. Others are neither read nor checked.

    Raises:
        CheckpointError: It is missing, damaged, or of another kind of agent.
    """
    path = Path(path)
    if not path.exists():
        previous = path.with_name(path.name + _PREVIOUS)
        if not previous.exists():
            raise CheckpointError(f"there is no checkpoint at {path}")
        path = previous
    manifest = read_manifest(_read_bytes(path / MANIFEST_NAME, limit=_MANIFEST_LIMIT_BYTES))
    if manifest.kind not in kinds:
        raise CheckpointError(
            f"the checkpoint {path} should hold a {' or '.join(kinds)} agent, "
            f"actual kind: {manifest.kind}"
        )
    chosen = {name: entry for name, entry in manifest.files.items() if only is None or name in only}
    return Checkpoint(manifest, {name: _read(path, name, entry) for name, entry in chosen.items()})


def _read(folder: Path, name: str, entry: TensorFile) -> Tensors:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = folder / f"{name}.safetensors"
    data = _read_bytes(path, limit=min(entry.size_bytes, _TENSOR_FILE_LIMIT_BYTES))
    actual = hashlib.sha256(data).hexdigest()
    if len(data) != entry.size_bytes or actual != entry.sha256:
        raise CheckpointError(
            f"{path} is damaged: expected {entry.size_bytes} bytes with sha256 {entry.sha256}, "
            f"actual {len(data)} bytes with sha256 {actual}"
        )
    try:
        tensors: dict[str, np.ndarray] = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path} is not a safetensors file: {error}") from error
    check_tensors(
        {key: (record.dtype, record.shape) for key, record in entry.tensors.items()},
        tensors,
        where=str(path),
    )
    return tensors


def _read_bytes(path: Path, *, limit: int) -> bytes:
    if not path.is_file():
        raise CheckpointError(f"{path} cannot be read: there is no such file")
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if len(data) > limit:
        raise CheckpointError(f"{path} should have at most {limit} bytes, actual: more")
    return data


def check_tensors(
    expected: Mapping[str, tuple[str, tuple[int, ...]]], actual: Tensors, *, where: str
) -> None:
    """Compare names, types and shapes of tensors.

    Args:
        expected: numpy type name and shape by tensor name.
        actual: The arrays.
        where: What they are, for the message.

    Raises:
        CheckpointError: Anything differs; the first eight differences are listed.
    """
    found = {name: (array.dtype.name, tuple(array.shape)) for name, array in actual.items()}
    faults = [
        f"{name}: expected {_form(expected.get(name))}, actual {_form(found.get(name))}"
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    ]
    if faults:
        more = f"; and {len(faults) - 8} more" if len(faults) > 8 else ""
        raise CheckpointError(f"{where} does not fit: {'; '.join(faults[:8])}{more}")


def _form(entry: tuple[str, tuple[int, ...]] | None) -> str:
    return "no such tensor" if entry is None else f"{entry[0]} {list(entry[1])}"


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
