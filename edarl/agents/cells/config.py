"""Settings of the agents of cells."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["CellPpoConfig", "FixPpoConfig", "PpoSettings"]


class PpoSettings(BaseModel):
    """Settings of MaskablePPO that both agents have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gamma: float = Field(1.0, ge=0, le=1, description="Discount per step.")
    gae_lambda: float = Field(0.95, ge=0, le=1, description="Of generalised advantage estimation.")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Of Adam.")
    rollout_steps: int = Field(512, ge=2, description="Environment steps per update.")
    batch_size: int = Field(128, ge=2, description="Transitions per gradient step.")
    epochs: int = Field(4, ge=1, description="Passes over a rollout.")
    clip_range: float = Field(0.2, gt=0, description="Of the policy ratio.")
    entropy_weight: float = Field(0.01, ge=0, description="Of the entropy bonus.")
    threads: int = Field(1, ge=1, description="Torch threads.")
    device: str = Field("cpu", description="Torch device, such as cpu or cuda.")


class CellPpoConfig(PpoSettings):
    """Settings of MaskablePPO on `edarl/CellPlacement-v0`."""

    hidden: int = Field(64, ge=4, le=1024, description="Units per layer.")


class FixPpoConfig(PpoSettings):
    """Settings of MaskablePPO on `edarl/DrcFix-v0`."""

    hidden: int = Field(32, ge=4, le=1024, description="Units per layer.")
    max_steps: int = Field(40, ge=1, description="Steps per episode.")
    gamma: float = Field(0.97, ge=0, le=1, description="Discount per step.")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Of Adam.")
