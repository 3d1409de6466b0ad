"""Mending design rules without learning: the first change that helps, walks, and chance."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from edarl.errors import ConfigError
from edarl.layout.fixing import Fixing, FixOutcome, FixTask, walk

__all__ = ["fix_by_chance", "fix_by_walking", "fix_greedily"]


def fix_greedily(task: FixTask, *, checks: int, seed: int = 0) -> FixOutcome:
    """Make the first change that leaves fewer violations, until none does.

    Args:
        task: What to mend.
        checks: Most checks of design rules, that of the start included, >= 1.
        seed: Of the order in which changes are tried.

    Raises:
        ConfigError: A number or the task is not usable.
    """
    fixing = _begun(task, checks)
    rng = np.random.default_rng(seed)
    before = len(fixing.violations)
    while fixing.violations and _improved(fixing, checks, rng):
        pass
    return FixOutcome(fixing.wiring.routes, before, len(fixing.violations), fixing.checks)


def _improved(fixing: Fixing, checks: int, rng: np.random.Generator) -> bool:
    """Make one change that helps; False where there is none, or checks are used up."""
    for focus in range(len(fixing.violations)):
        for action in rng.permutation(fixing.actions).tolist():
            wiring = fixing.changed(focus, action)
            if wiring is None:
                continue
            if fixing.checks >= checks:
                return False
            violations = fixing.check(wiring)
            if len(violations) < len(fixing.violations):
                fixing.make(wiring, violations)
                return True
    return False


def fix_by_walking(task: FixTask, *, checks: int, seed: int = 0) -> FixOutcome:
    """Make changes by chance where they leave no more violations, and give the best wiring.

    Args:
        task: What to mend.
        checks: Most checks of design rules, that of the start included, >= 1.
        seed: The one seed.

    Raises:
        ConfigError: A number or the task is not usable.
    """
    return walk(task, checks=checks, seed=seed, logits=_evenly)


def _evenly(fixing: Fixing, focus: int) -> Float32[np.ndarray, " a"]:
    """Make all legal changes equally likely, and looking elsewhere as likely as all of them."""
    logits = np.zeros(fixing.actions + 1, np.float32)
    logits[-1] = np.log(max(1, fixing.legal(focus).sum()))
    return logits


def fix_by_chance(task: FixTask, *, checks: int, seed: int = 0) -> FixOutcome:
    """Make legal changes by chance, whatever they do, and give the best wiring on the way.

    Args:
        task: What to mend.
        checks: Most checks of design rules, that of the start included, >= 1.
        seed: The one seed.

    Raises:
        ConfigError: A number or the task is not usable.
    """
    fixing = _begun(task, checks)
    rng = np.random.default_rng(seed)
    before = len(fixing.violations)
    best = before, fixing.wiring
    while fixing.violations and fixing.checks < checks:
        focus = int(rng.integers(len(fixing.violations)))
        legal = np.flatnonzero(fixing.legal(focus))
        if not len(legal):
            break
        wiring = fixing.changed(focus, int(rng.choice(legal)))
        assert wiring is not None  # it is legal
        fixing.make(wiring, fixing.check(wiring))
        best = min(best, (len(fixing.violations), wiring), key=lambda entry: entry[0])
    return FixOutcome(best[1].routes, before, best[0], fixing.checks)


def _begun(task: FixTask, checks: int) -> Fixing:
    if checks < 1:
        raise ConfigError(f"`checks` should be at least 1, actual value: {checks}")
    return Fixing(task)
