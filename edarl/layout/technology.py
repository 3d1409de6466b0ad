"""Technologies: what a cell's rows, columns, breaks, layers and rules are; data, not code."""

from __future__ import annotations

import math
import tomllib
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edarl.errors import ConfigError
from edarl.layout.netlist import Device
from edarl.layout.rules import RuleDeck

__all__ = ["BreakRule", "Drawing", "Technology", "load_technology", "technologies"]

_FOLDER = "technologies"


class _Record(BaseModel):
    """A frozen record that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BreakRule(_Record):
    """How many empty columns two neighbouring diffusions of a row need between them."""

    same_net: int = Field(ge=0, description="Between ends on the same net that are not joined.")
    different_nets: int = Field(ge=1, description="Between ends on different nets.")


class Drawing(_Record):
    """Where things lie in a cell, in nanometres from its lower left corner.

    Attributes:
        height_nm: Height of a cell.
        tracks_nm: Centres of the lowest metal's tracks, from below.
        near_tracks: Pairs of tracks that are one pitch apart, by number.
        gate_track: The track that gates are contacted on.
        n_tracks: Tracks that n diffusions are reached on; all but the first need two fins.
        p_tracks: The same for p diffusions.
        n_edge_nm: Lower edge of n diffusions.
        p_edge_nm: Upper edge of p diffusions.
        fin_pitch_nm: Height of one fin's worth of diffusion.
    """

    height_nm: float = Field(gt=0)
    tracks_nm: tuple[float, ...] = Field(min_length=1)
    near_tracks: tuple[tuple[int, int], ...] = ()
    gate_track: int = Field(ge=0)
    n_tracks: tuple[int, ...] = Field(min_length=1)
    p_tracks: tuple[int, ...] = Field(min_length=1)
    n_edge_nm: float
    p_edge_nm: float
    fin_pitch_nm: float = Field(gt=0)


class Technology(_Record):
    """A technology.

    Attributes:
        name: Its name.
        cpp_nm: Contacted poly pitch, the width of a column, in nanometres.
        boundary_columns: Columns that a cell has beyond its gate columns, both sides together.
        breaks: Empty columns between diffusions.
        fins_per_finger: Most fins of one finger; 0 in a planar technology.
        finger_width_nm: Widest finger of a planar technology by kind; unused with fins.
        gate_cut: Whether the gates of a column's p and n device may be different nets.
        drawing: Where things lie, None where cells are only placed.
        deck: Layers and rules, None where cells are only placed.
    """

    name: str
    cpp_nm: float = Field(gt=0)
    boundary_columns: int = Field(ge=0)
    breaks: BreakRule
    fins_per_finger: int = Field(0, ge=0)
    finger_width_nm: dict[str, float] = Field(default_factory=dict)
    gate_cut: bool = False
    drawing: Drawing | None = None
    deck: RuleDeck | None = None

    def fingers(self, device: Device) -> int:
        """Give the number of fingers that a device is laid out with.

        Raises:
            ConfigError: The device has no fins but the technology has, or the other way round.
        """
        if self.fins_per_finger:
            if not device.fins:
                raise ConfigError(
                    f"devices in {self.name} should have fins (nfin=...), actual: {device.name} "
                    f"with w={device.width_nm:g}n"
                )
            return math.ceil(device.fins / self.fins_per_finger)
        return math.ceil(device.width_nm / self.finger_width_nm[device.kind] - 1e-9)

    def drawn(self) -> Drawing:
        """Give where things lie.

        Raises:
            ConfigError: Cells are only placed in this technology.
        """
        if self.drawing is None:
            raise ConfigError(
                f"cells can be placed in {self.name}, but not drawn: its file has no [drawing]"
            )
        return self.drawing

    def width_cpp(self, columns: int) -> int:
        """Give the width of a cell of so many gate columns in columns."""
        return columns + self.boundary_columns


def technologies() -> tuple[str, ...]:
    """Give the names of the technologies that come with edarl."""
    folder = resources.files("edarl.layout") / _FOLDER
    return tuple(
        sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml"))
    )


def load_technology(name: str) -> Technology:
    """Read a technology that comes with edarl, or a TOML file.

    Raises:
        ConfigError: There is none, or the file does not describe one.
    """
    path = Path(name)
    try:
        if name in technologies():
            text = (resources.files("edarl.layout") / _FOLDER / f"{name}.toml").read_text()
        elif path.suffix == ".toml":
            text = path.read_text()
        else:
            raise ConfigError(
                f"the technology should be one of {', '.join(technologies())}, or a TOML file, "
                f"actual: {name!r}"
            )
        return Technology(**tomllib.loads(text))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read the technology {name}: {error}") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors()
        )
        raise ConfigError(f"{name} should describe a technology, actual: {faults}") from error
