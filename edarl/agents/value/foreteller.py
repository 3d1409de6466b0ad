"""A foreteller: a value model in a search at one target, which learns on all that is evaluated.

It fits `edarl.search.problem.Foreteller` by its form; searches and agents do not know each other.

Letters in shapes: B designs, S entries of what the model sees of each, M members of the model, T
gradient steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from edarl.agents.value.base import Examples, ModelKind
from edarl.agents.value.convolution import Convolution, ConvolutionShape
from edarl.agents.value.ensemble import Ensemble, EnsembleShape
from edarl.agents.value.packing import packed, unpacked
from edarl.agents.value.recorded import described
from edarl.agents.value.rows import Rows
from edarl.agents.value.scale import Reference
from edarl.errors import CheckpointError, ConfigError
from edarl.prefix.design import Design
from edarl.synthesis.timing.features import FEATURE_NAMES, Physics

__all__ = ["EnsembleForeteller", "ForetellerOptions"]

_FORMAT: Literal["edarl-foreteller-1"] = "edarl-foreteller-1"
_WHERE = "a saved foreteller"
_MOST_PRETRAINING = 1000
"""Examples kept from pre-training: they are mixed into later batches, and saved."""

_ENOUGH_OWN = 600
"""From so many own examples on those from pre-training are left out."""


_Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,32}$")]


@dataclass(frozen=True, slots=True)
class ForetellerOptions:
    """How a foreteller learns.

    Attributes:
        kind: What the model is: an ensemble on features, or a convolution with as many heads, which
            takes some hundred times as long.
        members: Networks in the ensemble, 1 to 64.
        hidden: Units per hidden layer, 1 to 1024.
        learning_rate: Of Adam, above 0 to 1.
        later_rate: The same after pre-training, above 0 to 1.
        steps: Gradient steps per evaluated design, >= 0; 0 leaves a pre-trained model as it is.
        most_steps: Gradient steps at a time, however many designs come together, >= 0.
        batch_size: Examples per member and step, >= 1.
        share: Share of the examples that each member may see, above 0 to 1: members that have not
            seen the same disagree where little is known.
        clip: Costs are cut off so far above the best one, in logarithms, above 0 to 1.

    Raises:
        ConfigError: A number is out of range.
    """

    kind: ModelKind = "features"
    members: int = 4
    hidden: int = 64
    learning_rate: float = 3e-3
    later_rate: float = 1e-3
    steps: int = 6
    most_steps: int = 96
    batch_size: int = 64
    share: float = 0.8
    clip: float = 0.3

    def __post_init__(self) -> None:
        least = {"steps": 0, "most_steps": 0, "batch_size": 1}
        for name, low in least.items():
            value = getattr(self, name)
            if value < low:
                raise ConfigError(f"`{name}` should be at least {low}, actual value: {value}")
        for name in ("learning_rate", "later_rate", "clip", "share"):
            value = getattr(self, name)
            if not 0 < value <= 1:
                raise ConfigError(f"`{name}` should be above 0 and at most 1, actual: {value}")
        if self.kind not in get_args(ModelKind):
            raise ConfigError(
                f"`kind` should be one of {', '.join(get_args(ModelKind))}, "
                f"actual value: {self.kind!r}"
            )


class _Generator(BaseModel):
    """A PCG64 generator; its 128-bit numbers are in hex."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    state: _Hex
    inc: _Hex
    has_uint32: Annotated[int, Field(ge=0, le=1)]
    uinteger: Annotated[int, Field(ge=0, lt=2**32)]


class _State(BaseModel):
    """A saved foreteller; arrays are checked when they are taken over."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal["edarl-foreteller-1"]
    problem: dict[str, Any]  # compared with the own one
    options: dict[str, Any]  # compared with the own ones
    fits: Annotated[int, Field(ge=0, lt=2**63)]
    generator: _Generator
    arrays: str


class EnsembleForeteller:
    """Foretells the costs of designs of one problem; everything depends on the seed alone.

    Args:
        physics: Of the circuit in the library.
        target_ps: The delay to meet in picoseconds, > 0.
        seed: Seeds weights and batches, >= 0.
        options: How it learns.

    Raises:
        ConfigError: The target is no delay.
        NetlistError: An output of the circuit is not driven by a gate.
    """

    def __init__(
        self,
        physics: Physics,
        target_ps: float,
        *,
        seed: int = 0,
        options: ForetellerOptions | None = None,
    ) -> None:
        torch.set_num_threads(1)  # of this process: with networks this small more are slower
        self.options = options or ForetellerOptions()
        self.reference = Reference(physics, target_ps)
        weights, batches = np.random.SeedSequence(seed).spawn(2)
        self._weights_seed = int(weights.generate_state(1)[0])
        self._rng = np.random.Generator(np.random.PCG64(batches))
        self._model = self._new_model()
        leaves = physics.circuit.leaves
        self._own = Rows.none(self._model.entries(leaves), self._model.members)
        self._pretraining: Examples | None = None

    # ---------------------------------------------------------------- in a search

    def learn(self, designs: Sequence[Design], costs: Float[np.ndarray, " b"]) -> None:
        """Take evaluated designs and take some gradient steps.

        Args:
            designs: The designs; everything that a search evaluates should come once, in order.
            costs: [B] what each of them costs at the target, > 0.

        Raises:
            ConfigError: A design is of another circuit, or a cost is not a positive number.
        """
        if not (np.isfinite(costs) & (costs > 0)).all():
            raise ConfigError(
                f"costs should be finite and above 0, actual: {costs.tolist()!r:.200}"
            )
        members = self._model.members
        seen = self._rng.random((len(designs), members)) < self.options.share
        regular = [self.reference.is_regular(design) for design in designs]
        self._own = self._own.with_more(
            self._described(designs), np.log(costs), np.array(regular, dtype=np.bool_), seen
        )
        self._study(min(self.options.steps * len(designs), self.options.most_steps))

    def foretell(self, designs: Sequence[Design]) -> Float[np.ndarray, "m b"]:
        """Give what each member expects of designs; changes nothing.

        Args:
            designs: The designs, at least one.

        Returns:
            [M, B] logarithm of cost over that of the best regular structure; lower is better.

        Raises:
            ConfigError: A design is of another circuit.
        """
        return self._model.foretell(self._described(designs))[:, :, 0]

    def _described(self, designs: Sequence[Design]) -> Float32[np.ndarray, "b s"]:
        """Give what the model sees of designs."""
        return described(self.reference, designs, self.options.kind)

    # ---------------------------------------------------------------- learning from elsewhere

    @property
    def examples(self) -> Examples:
        """What was learnt here, for the `pretrain` of others; nothing before the first `learn`."""
        return self._own.examples()

    @property
    def model(self) -> Ensemble | Convolution:
        """The model, for saving it."""
        return self._model

    @property
    def pretraining(self) -> Examples | None:
        """The examples from elsewhere that are mixed in, None without."""
        return self._pretraining

    def pretrain(self, examples: Examples, *, steps: int = 3000) -> float:
        """Train a new model on examples of other widths, targets or libraries; comes first.

        Args:
            examples: What others have learnt from, at least one.
            steps: Gradient steps.

        Returns:
            The mean absolute error of the logarithmic costs in the last step.

        Raises:
            ConfigError: There are no examples, or something was learnt here already.
        """
        if not len(examples):
            raise ConfigError("pre-training needs at least one example, actual: none")
        self._refuse_late_pretraining()
        clipped = examples.clipped(self.options.clip)
        model = self._new_model()
        model.adapt(clipped.features, clipped.log_costs[:, None])
        error = self._drill(model, clipped, steps)
        self._take_pretrained(model, clipped)
        return error

    def adopt(self, model: Ensemble | Convolution, examples: Examples, *, steps: int = 0) -> None:
        """Begin with a model that was trained elsewhere; comes first.

        Args:
            model: The model, which is copied.
            examples: Some of what it was trained on; they keep it from forgetting. A convolution
                takes none of another width.
            steps: Gradient steps on the examples before anything is foretold, for examples that
                the model has not seen.

        Raises:
            ConfigError: It is of another shape than the options say, or something was learnt here
                already.
        """
        self._refuse_late_pretraining()
        if model.shape != self._model.shape:
            raise ConfigError(
                f"a model to begin with should be {self._model.shape}, actual: {model.shape}"
            )
        copied = self._new_model()
        copied.restore(model.state(), model.fits)
        clipped = examples.clipped(self.options.clip)
        if steps:
            copied.learning_rate = self.options.later_rate
            self._drill(copied, clipped, steps)
        self._take_pretrained(copied, clipped)

    def _drill(self, model: Ensemble | Convolution, examples: Examples, steps: int) -> float:
        """Take gradient steps on random examples; give the error in the last one."""
        size = (steps, model.members, self.options.batch_size)
        rows = self._rng.integers(len(examples), size=size)
        return model.fit(examples.features, examples.log_costs[:, None], rows)

    def _refuse_late_pretraining(self) -> None:
        if len(self._own):
            raise ConfigError(
                "pre-training should come before the first evaluation is learnt from, actual: "
                f"{len(self._own)} evaluations"
            )

    def _take_pretrained(self, model: Ensemble | Convolution, examples: Examples) -> None:
        model.learning_rate = self.options.later_rate
        self._model = model
        if examples.features.shape[1] != self._own.features.shape[1]:
            examples = Examples(self._own.features, np.empty(0, dtype=np.float32))
        self._pretraining = examples.thinned(_MOST_PRETRAINING, self._rng)

    def _new_model(self) -> Ensemble | Convolution:
        options, rate, seed = self.options, self.options.learning_rate, self._weights_seed
        sizes = (len(FEATURE_NAMES), 1, options.members, options.hidden)
        if options.kind == "features":
            return Ensemble(EnsembleShape(*sizes), learning_rate=rate, seed=seed)
        return Convolution(ConvolutionShape(*sizes), learning_rate=rate, seed=seed)

    # ---------------------------------------------------------------- gradient steps

    def _study(self, steps: int) -> None:
        """Train on what is known here and, as long as that is little, on what was before."""
        own, before = self.examples, self._pretraining
        own = own.clipped(float(own.log_costs.min()) + self.options.clip)
        if before is None:
            # The scales follow the data only here: with pre-training they are known already.
            self._model.adapt(own.features, own.log_costs[:, None])
        if not steps:
            return
        rows = self._draw(steps)
        if before is not None and len(before) and len(own) < _ENOUGH_OWN:
            share = max(0.5, 1 - len(own) / _ENOUGH_OWN)
            others = len(own) + self._rng.integers(len(before), size=rows.shape)
            rows = np.where(self._rng.random(rows.shape) < share, others, rows)
            own = Examples.joined([own, before])
        self._model.fit(own.features, own.log_costs[:, None], rows)

    def _draw(self, steps: int) -> Int[np.ndarray, "t m b"]:
        """Draw own examples for each member, among those that it may see."""
        size = (steps, self.options.batch_size)
        drawn = []
        for seen in self._own.seen.T:
            visible = np.flatnonzero(seen) if seen.any() else np.arange(len(seen))
            drawn.append(visible[self._rng.integers(len(visible), size=size)])
        return np.stack(drawn, axis=1)

    # ---------------------------------------------------------------- saving

    def state(self) -> dict[str, Any]:  # JSON has no narrower type
        """Give everything needed to go on later, as JSON values; arrays are base64 text."""
        generator: Any = self._rng.bit_generator.state  # numpy types it as a plain mapping
        parts = {**self._model.state(), "own": self._own.arrays()}
        if self._pretraining is not None:
            parts["pretraining"] = self._pretraining.arrays()
        return {
            "format": _FORMAT,
            "problem": self._problem(),
            "options": asdict(self.options),
            "fits": self._model.fits,
            "generator": {
                "state": f"{generator['state']['state']:x}",
                "inc": f"{generator['state']['inc']:x}",
                "has_uint32": int(generator["has_uint32"]),
                "uinteger": int(generator["uinteger"]),
            },
            "arrays": packed(
                {
                    f"{part}/{name}": array
                    for part, own in parts.items()
                    for name, array in own.items()
                }
            ),
        }

    def restore(self, state: Mapping[str, Any]) -> None:  # it comes from a file
        """Go on from a state as if there had been no interruption.

        Raises:
            CheckpointError: The state is damaged, or of another problem or other options; nothing
                has changed then.
        """
        try:
            saved = _State.model_validate(dict(state))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part)[:60] for part in first["loc"])
            raise CheckpointError(
                f"a saved foreteller is damaged: `{place}`: {first['msg']}; start the search anew"
            ) from error
        self._refuse_other("problem", saved.problem, self._problem())
        self._refuse_other("options", saved.options, asdict(self.options))
        parts: dict[str, dict[str, np.ndarray]] = {"networks": {}, "optimizer": {}, "own": {}}
        for name, array in unpacked(saved.arrays, where=_WHERE).items():
            part, _, rest = name.partition("/")
            parts.setdefault(part, {})[rest] = array
        entries, members = self._own.features.shape[1], self._model.members
        own = Rows.of_arrays(parts.pop("own"), entries, members, where=_WHERE)
        pretraining = None
        if "pretraining" in parts:
            before = parts.pop("pretraining")
            pretraining = Examples.of_arrays(before, entries, where=_WHERE)
        model = self._new_model()
        model.restore(parts, saved.fits, where=_WHERE)
        model.learning_rate = (
            self.options.learning_rate if pretraining is None else self.options.later_rate
        )
        numbers = saved.generator
        self._rng.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": {"state": int(numbers.state, 16), "inc": int(numbers.inc, 16)},
            "has_uint32": numbers.has_uint32,
            "uinteger": numbers.uinteger,
        }
        self._model, self._own, self._pretraining = model, own, pretraining

    @staticmethod
    def _refuse_other(what: str, actual: object, expected: object) -> None:
        if actual != expected:
            raise CheckpointError(
                f"{_WHERE} should have the {what} {expected!r:.600}, actual: {actual!r:.600}; "
                "continue it with the settings that it was started with"
            )

    def _problem(self) -> dict[str, Any]:  # JSON has no narrower type
        physics = self.reference.physics
        return {
            "circuit": physics.circuit.name,
            "library": physics.library.digest,
            "constraint": [physics.constraint.driver_cell, physics.constraint.load_ff],
            "target_ps": self.reference.target_ps,
            "features": list(FEATURE_NAMES),
        }
