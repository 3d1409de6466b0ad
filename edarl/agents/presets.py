"""Named settings of the DQN agent: for this or that machine and width, and PrefixRL's own.

Those for a GPU use one where there is one, and start without it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from edarl.agents.config import NETWORK_PRESETS, DqnConfig, NetworkConfig
from edarl.prefix.structures import REGULAR

__all__ = ["PRESETS", "Preset", "PresetName"]

PresetName = Literal["cpu8", "cpu16", "cpu16-plain", "gpu32", "gpu64", "prefixrl"]
"""The names of the presets."""


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings with a name.

    Attributes:
        summary: What they are for and what they need, in one line.
        config: The settings; a run sets only those that are given here, `model_fields_set`.
    """

    summary: str
    config: DqnConfig


_GPU: Mapping[str, Any] = {"device": "auto", "precision": "auto", "compile": "auto"}  # for `**`

_GPU32 = DqnConfig(
    network=NetworkConfig(blocks=8, channels=64),
    batch_size=256,
    learning_rate=3e-4,
    update_every=4,
    warmup_steps=500,
    sync_every=250,
    epsilon_steps=2000,
    candidates=64,
    dreams=96,
    population=24,
    starts=REGULAR,
    replay_capacity=200_000,
    archive_capacity=16_384,
    **_GPU,
)

PRESETS: Mapping[PresetName, Preset] = MappingProxyType(
    {
        "cpu8": Preset(
            "adders of 8 bits on one core, about a minute",
            DqnConfig(network=NETWORK_PRESETS["small"], batch_size=32, update_every=4),
        ),
        "cpu16": Preset(
            "adders of 16 bits on one core, a few minutes",
            DqnConfig(
                network=NETWORK_PRESETS["small"],
                batch_size=32,
                update_every=4,
                epsilon_steps=300,
                replay_capacity=50_000,
            ),
        ),
        "cpu16-plain": Preset(
            "PrefixRL's loop at 16 bits at a size for one core: ten times the steps, worse designs",
            DqnConfig(
                network=NETWORK_PRESETS["small"],
                batch_size=32,
                update_every=16,
                walkers=16,
                episode_steps=16,
                target_ps=None,
                retarget=0.0,
                candidates=0,
                dreams=0,
                judge_steps=0,
                epsilon_start=1.0,
                epsilon_steps=2000,
                replay_capacity=50_000,
            ),
        ),
        "gpu32": Preset(
            "adders of 32 bits; made for a GPU and Ray workers on 8 to 16 cores", _GPU32
        ),
        "gpu64": Preset(
            "adders of 64 bits, with the network of gpu32; made for a GPU and 16 or more cores",
            _GPU32.model_copy(update={"warmup_steps": 1000, "epsilon_steps": 4000}),
        ),
        "prefixrl": Preset(
            "PrefixRL as published; at its own scale a large GPU, days, and hundreds of cores",
            DqnConfig(
                # Published (arXiv 2205.07000, sections III to V).
                network=NETWORK_PRESETS["prefixrl"],
                planes="prefixrl",
                gamma=0.75,
                steps=1,
                learning_rate=4e-5,
                sync_every=60,
                replay_capacity=400_000,
                starts=("ripple", "sklansky"),
                reward="difference",
                reward_scale=1.0,
                # What it has not got.
                target_ps=None,
                retarget=0.0,
                candidates=0,
                dreams=0,
                judge_steps=0,
                start_archive=0.0,
                temperature=0.0,
                # What it does not say; these are ours.
                episode_steps=64,
                epsilon_start=1.0,
                epsilon_end=0.05,
                epsilon_steps=100_000,
                huber_delta=1.0,
                gradient_clip=10.0,
                batch_size=96,
                update_every=1,
                warmup_steps=1000,
                idle_steps=100_000,
                **_GPU,
            ),
        ),
    }
)
"""Every preset by name.

Source of `prefixrl`: PrefixRL (arXiv 2205.07000). The paper leaves out the length of episodes, the
epsilon schedule, the loss, and the load of inputs and outputs; `docs/agents.md` says what is ours.
"""

assert tuple(PRESETS) == get_args(PresetName)
