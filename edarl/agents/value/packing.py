"""Arrays as text for JSON: the bytes of a safetensors file in base64; nothing is unpickled."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

import numpy as np

from edarl.errors import CheckpointError

__all__ = ["packed", "unpacked"]


def packed(arrays: Mapping[str, np.ndarray]) -> str:
    """Give arrays of numbers as text, to the bit."""
    from safetensors.numpy import save

    data = save({name: np.array(array, order="C") for name, array in arrays.items()})
    return base64.b64encode(data).decode()


def unpacked(text: str, *, where: str) -> dict[str, np.ndarray]:
    """Read what `packed` gave; names, shapes and types are for the caller to check.

    Args:
        text: The text.
        where: What it is, for messages.

    Raises:
        CheckpointError: It is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays: dict[str, np.ndarray] = load(base64.b64decode(text, validate=True))
    except (
        binascii.Error,
        SafetensorError,
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
    ) as error:
        raise CheckpointError(f"the arrays of {where} are damaged: {error}") from error
    return arrays
