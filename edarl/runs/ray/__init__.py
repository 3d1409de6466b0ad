"""Runs on Ray: the parts of `edarl.runs.loop`, and evaluators, as actors on one machine or many.

The only place that imports Ray, and only when it is used: install it with
``pip install 'edarl[ray]'``. The driver is the process that was started; it alone counts the
budget, writes the store and keeps the front. What it tells actors and what they tell it are plain
values. Whoever dies is replaced: see `edarl.runs.ray.driver`.
"""

from __future__ import annotations

from edarl.runs.ray.cluster import RayOptions, connected
from edarl.runs.ray.confirming import ConfirmPool
from edarl.runs.ray.driver import learn_on_ray
from edarl.runs.ray.evaluating import EvaluationPool
from edarl.runs.ray.jobs import submit, training_command

__all__ = [
    "ConfirmPool",
    "EvaluationPool",
    "RayOptions",
    "connected",
    "learn_on_ray",
    "submit",
    "training_command",
]
