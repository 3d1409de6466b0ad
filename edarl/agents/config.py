"""Settings of the learning agents; nothing here needs torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["NETWORK_PRESETS", "DqnConfig", "NetworkConfig", "PpoConfig"]


class _Settings(BaseModel):
    """A frozen record that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NetworkConfig(_Settings):
    """Size of the convolutional trunk."""

    blocks: int = Field(3, ge=1, le=64, description="Residual blocks of two convolutions each.")
    channels: int = Field(16, ge=4, le=512, description="Feature planes inside the trunk.")
    kernel: Literal[3, 5] = Field(3, description="Side of the square convolution kernels.")
    norm: Literal["none", "batch"] = Field("none", description="Normalisation in the blocks.")
    context: bool = Field(True, description="Whether cells know their place and the whole graph.")


NETWORK_PRESETS = {
    "small": NetworkConfig(),
    "medium": NetworkConfig(blocks=6, channels=32),
    "prefixrl": NetworkConfig(blocks=32, channels=256, kernel=5, norm="batch", context=False),
}
"""Named sizes: `small` learns on one CPU core, `prefixrl` is the published one, 105 M weights.

Source: PrefixRL (arXiv 2205.07000), section IV, for the last.
"""


class DqnConfig(_Settings):
    """Settings of `edarl.agents.DqnAgent`."""

    network: NetworkConfig = Field(NetworkConfig(), description="Size of the network.")
    planes: Literal["all", "graph", "prefixrl"] = Field(
        "all", description="What the network sees: graph leaves physics out, prefixrl all but four."
    )
    gamma: float = Field(0.75, ge=0, lt=1, description="Discount per step.")
    steps: int = Field(1, ge=1, le=32, description="Steps a transition spans (n-step return).")
    batch_size: int = Field(32, ge=1, le=4096, description="Transitions per gradient step.")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Of Adam.")
    update_every: int = Field(4, ge=1, description="Environment steps per gradient step.")
    warmup_steps: int = Field(64, ge=1, description="Transitions before the first gradient step.")
    sync_every: int = Field(60, ge=1, description="Gradient steps per copy to the target network.")
    gradient_clip: float = Field(10.0, gt=0, description="Largest gradient norm.")
    huber_delta: float = Field(1.0, gt=0, description="Where the loss turns linear.")
    reward: Literal["log", "difference"] = Field("log", description="Of costs, before less after.")
    reward_scale: float = Field(30.0, gt=0, description="Learning units per unit of reward.")
    retarget: float = Field(0.5, ge=0, le=1, description="Share re-scored for another target.")
    judge_members: int = Field(4, ge=1, le=64, description="Networks in the judge's ensemble.")
    judge_hidden: int = Field(64, ge=1, le=1024, description="Units per hidden layer of the judge.")
    judge_learning_rate: float = Field(3e-3, gt=0, le=1, description="Of the judge's Adam.")
    judge_steps: int = Field(4, ge=0, description="Gradient steps of the judge per move.")
    judge_batch_size: int = Field(64, ge=1, le=4096, description="Designs per step and member.")
    judge_optimism: float = Field(0.0, ge=0, description="Members' deviations a design may win.")
    candidates: int = Field(24, ge=0, description="Resulting designs judged per move; 0 = none.")
    explore_among: int = Field(8, ge=1, description="Best moves that a random draw chooses from.")
    temperature: float = Field(0.0, ge=0, description="Of the draw, in learning units; 0 = off.")
    epsilon_start: float = Field(0.2, ge=0, le=1, description="Share of random moves at first.")
    epsilon_end: float = Field(0.05, ge=0, le=1, description="Share of random moves at last.")
    epsilon_steps: int = Field(100, ge=1, description="Steps from the first to the last share.")
    dreams: int = Field(48, ge=0, description="Imagined designs judged per start; 0 = none.")
    dream_again: float = Field(0.3, ge=0, lt=1, description="Chance of a further imagined move.")
    dream_by_value: float = Field(0.3, ge=0, le=1, description="Share that the network begins.")
    dream_value: float = Field(0.0, ge=0, le=1, description="Weight of a dream's further value.")
    dream_p_mode: float = Field(0.1, ge=0, le=1, description="Share that draws another p mode.")
    episode_steps: int = Field(1, ge=1, description="Steps until a new episode starts.")
    walkers: int = Field(1, ge=1, le=1024, description="Episodes walked side by side.")
    starts: tuple[str, ...] = Field(("ripple", "sklansky"), min_length=1, description="Structures.")
    start_archive: float = Field(0.95, ge=0, le=1, description="Share of starts from good designs.")
    population: int = Field(10, ge=1, description="Best designs such a start is drawn from.")
    target_ps: float | Literal["sample"] | None = Field("sample", description="As in the envs.")
    archive_capacity: int = Field(4096, ge=16, le=10**6, description="Designs the archive keeps.")
    replay_capacity: int = Field(20_000, ge=2, le=5_000_000, description="States in the replay.")
    idle_steps: int = Field(500, ge=1, description="Steps without a call that end the learning.")
    threads: int = Field(1, ge=1, le=1024, description="Torch threads.")
    device: str = Field("cpu", max_length=40, description="Torch device: cpu, cuda, or auto.")
    precision: Literal["float32", "bfloat16", "auto"] = Field(
        "float32", description="Of the network's arithmetic; auto: bfloat16 on a GPU that has it."
    )
    compile: bool | Literal["auto"] = Field(
        False, description="Whether torch.compile makes the network faster; auto: on a GPU."
    )

    @model_validator(mode="after")
    def _check(self) -> DqnConfig:
        if self.reward == "difference" and (self.candidates or self.dreams):
            raise ValueError(
                "reward difference needs candidates and dreams to be 0, because the judge "
                f"foretells logarithmic costs, actual: {self.candidates} and {self.dreams}"
            )
        return self


class PpoConfig(_Settings):
    """Settings of the stock agent, `edarl.agents.train_maskable_ppo`."""

    network: NetworkConfig = Field(NetworkConfig(), description="Size of the shared trunk.")
    gamma: float = Field(0.75, ge=0, lt=1, description="Discount per step.")
    gae_lambda: float = Field(0.95, ge=0, le=1, description="Of generalised advantage estimation.")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Of Adam.")
    rollout_steps: int = Field(128, ge=2, description="Environment steps per update.")
    batch_size: int = Field(64, ge=2, description="Transitions per gradient step.")
    epochs: int = Field(4, ge=1, description="Passes over a rollout.")
    clip_range: float = Field(0.2, gt=0, description="Of the policy ratio.")
    entropy_weight: float = Field(0.01, ge=0, description="Of the entropy bonus.")
    reward_scale: float = Field(30.0, gt=0, description="Learning units per unit of reward.")
    idle_steps: int = Field(500, ge=1, description="Steps without a call that end the learning.")
    threads: int = Field(1, ge=1, description="Torch threads.")
    device: str = Field("cpu", description="Torch device, such as cpu or cuda.")
