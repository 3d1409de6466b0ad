"""Where and how a network calculates: device, precision, and whether it is compiled.

Nothing here changes what is calculated, only how exactly and how fast. The weights stay float32.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable

import torch
from torch import Tensor, nn

from edarl.agents.config import DqnConfig
from edarl.errors import ConfigError

__all__ = ["Arithmetic", "device_named"]

_LEAST_CAPABILITY = (7, 0)
"""Of a CUDA device that torch.compile makes code for."""


class Arithmetic:
    """How the networks of a learner calculate.

    Args:
        config: The agent's settings: ``precision`` and ``compile``.
        device: Where.

    Attributes:
        precision: ``float32`` or ``bfloat16``.
        compile: Whether networks are compiled.

    Raises:
        ConfigError: The device cannot do what is asked for.
    """

    def __init__(self, config: DqnConfig, device: torch.device) -> None:
        self.device = device
        cuda = device.type == "cuda"
        bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False) if cuda else True
        if config.precision == "bfloat16" and (not bfloat16 or device.type not in ("cpu", "cuda")):
            raise ConfigError(
                f"`precision` should be float32 on {device}, which has no bfloat16, "
                "actual value: bfloat16"
            )
        lack = _lack_of_compiler(device)
        if config.compile is True and lack is not None:
            raise ConfigError(f"`compile` should be false on {device}, {lack}, actual value: true")
        is_fast = config.precision == "auto" and cuda and bfloat16
        self.precision = "bfloat16" if is_fast or config.precision == "bfloat16" else "float32"
        self.compile = config.compile is True or (
            config.compile == "auto" and cuda and lack is None
        )

    def ready(self, network: nn.Module) -> Callable[[Tensor], Tensor]:
        """Give the function that a network is called by; its values are float32."""
        call: Callable[[Tensor], Tensor] = torch.compile(network) if self.compile else network
        if self.precision == "float32":
            return call

        def in_bfloat16(observations: Tensor) -> Tensor:
            with torch.autocast(self.device.type, dtype=torch.bfloat16):
                return call(observations).float()

        return in_bfloat16


def device_named(name: str) -> torch.device:
    """Give a torch device; ``auto`` is a GPU where there is one, else the CPU.

    Raises:
        ConfigError: There is no such device on this machine.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(
            f"`device` should be auto or one that torch has here, such as cpu, "
            f"actual value: {name!r}"
        ) from error
    return device


def _lack_of_compiler(device: torch.device) -> str | None:
    """Say why torch.compile cannot work on a device, or None when it can."""
    if device.type == "cuda":
        if torch.cuda.get_device_capability(device) < _LEAST_CAPABILITY:
            return "which is too old for torch.compile"
        return None if torch.utils._triton.has_triton() else "because Triton is not installed"
    if device.type != "cpu":
        return "for which torch makes no code"
    if not any(shutil.which(name) for name in ("g++", "clang++", "c++")):
        return "because torch.compile needs a C++ compiler there, such as g++"
    return None
