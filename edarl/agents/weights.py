"""Weights and optimiser states as arrays by name, and back with every shape checked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from edarl.agents.checkpoint import check_tensors
from edarl.errors import CheckpointError

__all__ = [
    "fresh_moments",
    "load_arrays",
    "module_arrays",
    "optimizer_arrays",
    "restore_optimizer",
]

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def module_arrays(module: nn.Module) -> dict[str, np.ndarray]:
    """Give a copy of a module's parameters and buffers."""
    return {
        name: value.detach().cpu().numpy().copy() for name, value in module.state_dict().items()
    }


def load_arrays(
    module: nn.Module,
    arrays: Mapping[str, np.ndarray],
    *,
    where: str,
    extra: Mapping[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Copy arrays into a module's parameters and buffers.

    Args:
        module: What receives them.
        arrays: The arrays by name.
        where: What they are, for messages.
        extra: Further arrays that are expected beside the module's, for their forms.

    Returns:
        The arrays that answer ``extra``.

    Raises:
        CheckpointError: A tensor is missing, too many, of another shape or type, or not finite.
    """
    state = module_arrays(module)
    extra = extra or {}
    forms = {**state, **extra}
    check_tensors(
        {name: (array.dtype.name, array.shape) for name, array in forms.items()},
        arrays,
        where=where,
    )
    broken = sorted(name for name, array in arrays.items() if not np.isfinite(array).all())
    if broken:
        raise CheckpointError(
            f"{where} should hold finite numbers, not so in: {', '.join(broken[:8])}"
        )
    module.load_state_dict({name: torch.tensor(arrays[name]) for name in state})
    return {name: arrays[name].copy() for name in extra}


def optimizer_arrays(module: nn.Module, optimizer: torch.optim.Adam) -> dict[str, np.ndarray]:
    """Give Adam's moments by parameter; nothing when it has not taken a step."""
    return {
        f"{name}:{moment}": value.detach().cpu().numpy().copy()
        for name, parameter in module.named_parameters()
        for moment, value in optimizer.state.get(parameter, {}).items()
    }


def fresh_moments(module: nn.Module) -> dict[str, np.ndarray]:
    """Give the moments that Adam begins with, as `optimizer_arrays` gives those it has."""
    return {
        f"{name}:{moment}": np.zeros(
            () if moment == "step" else tuple(parameter.shape), dtype=np.float32
        )
        for name, parameter in module.named_parameters()
        for moment in _MOMENTS
    }


def restore_optimizer(
    module: nn.Module,
    optimizer: torch.optim.Adam,
    arrays: Mapping[str, np.ndarray],
    *,
    used: bool,
    where: str,
) -> None:
    """Copy Adam's moments back.

    Args:
        module: Whose parameters it optimises.
        optimizer: What receives them.
        arrays: The moments as `optimizer_arrays` gave them.
        used: Whether the optimiser had taken a step; if not there is nothing to copy.
        where: What they are, for messages.

    Raises:
        CheckpointError: A tensor is missing, too many, or of another shape or type.
    """
    expected = {
        f"{name}:{moment}": ("float32", () if moment == "step" else tuple(parameter.shape))
        for name, parameter in module.named_parameters()
        for moment in _MOMENTS
    }
    check_tensors(expected if used else {}, arrays, where=where)
    for name, parameter in module.named_parameters():
        if used:
            optimizer.state[parameter] = {
                moment: torch.tensor(
                    arrays[f"{name}:{moment}"],
                    device="cpu" if moment == "step" else parameter.device,
                )
                for moment in _MOMENTS
            }
