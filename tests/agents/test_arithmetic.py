"""Device, precision and compilation: the same values, and errors where a device cannot."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra `agents`")

import torch

from edarl.agents import DqnConfig, NetworkConfig
from edarl.agents.arithmetic import Arithmetic, device_named
from edarl.agents.learner import Learner
from edarl.agents.replay import Sample
from edarl.errors import ConfigError

CPU = torch.device("cpu")
NETWORK = NetworkConfig(blocks=1, channels=4)


def learner(**settings: object) -> Learner:
    made = Learner(DqnConfig(network=NETWORK, **settings), planes=8, components=2, seed=3)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        torch.nn.init.normal_(made.online.advantage.weight, std=0.1)
    made.target.load_state_dict(made.online.state_dict())
    return made


def sample(rng: np.random.Generator) -> Sample:
    return Sample(
        observations=rng.random((6, 8, 5, 5)),
        actions=rng.integers(50, size=6),
        costs=1.0 + rng.random((6, 2, 2)),
        lengths=np.ones(6, dtype=np.int64),
        next_observations=rng.random((6, 8, 5, 5)),
        next_legal=np.ones((6, 50), dtype=bool),
        terminated=np.zeros(6, dtype=bool),
        targets_ps=np.full(6, np.nan),
    )


def test_bfloat16_gives_nearly_the_same_values_as_float32() -> None:
    rng = np.random.default_rng(0)
    observations, weights = rng.random((4, 8, 6, 6)), np.full((4, 2), 0.5)
    exact = learner().scores(observations, weights)
    rough = learner(precision="bfloat16").scores(observations, weights)
    assert rough.dtype == exact.dtype == np.float32
    assert not np.array_equal(rough, exact)
    assert np.corrcoef(rough.ravel(), exact.ravel())[0, 1] > 0.99
    assert rough == pytest.approx(exact, abs=0.05 * float(np.abs(exact).max()))


def test_learning_in_bfloat16_keeps_float32_weights() -> None:
    made = learner(precision="bfloat16")
    before = made.online.trunk.stem.weight.detach().clone()
    report = made.update(sample(np.random.default_rng(1)), np.full((6, 2), 0.5))
    assert np.isfinite(report.loss)
    assert report.gradient_norm > 0
    assert all(parameter.dtype == torch.float32 for parameter in made.online.parameters())
    assert not torch.equal(before, made.online.trunk.stem.weight)


def test_differences_of_costs_are_learned_from_where_they_are_the_reward() -> None:
    """One step without anything after it: the loss is that of the reward itself."""
    losses = []
    for reward in ("log", "difference"):
        made = learner(reward=reward, reward_scale=1.0, candidates=0, dreams=0, huber_delta=100.0)
        torch.nn.init.zeros_(made.online.advantage.weight)
        batch = sample(np.random.default_rng(1))
        batch.terminated[:] = True
        losses.append(made.update(batch, np.full((6, 2), 0.5)).loss)
        costs = batch.costs if reward == "difference" else np.log(batch.costs)
        wanted = costs[:, 0] - costs[:, 1]
        assert losses[-1] == pytest.approx(0.5 * float(np.square(wanted).mean()), rel=1e-4)
    assert losses[0] != losses[1]


def test_the_defaults_are_exact_and_not_compiled() -> None:
    plain = Arithmetic(DqnConfig(), CPU)
    assert (plain.precision, plain.compile) == ("float32", False)
    automatic = Arithmetic(DqnConfig(precision="auto", compile="auto"), CPU)
    assert (automatic.precision, automatic.compile) == ("float32", False)


def test_without_a_compiler_compiling_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match=r"`compile` should be false on cpu, because .*C\+\+"):
        Arithmetic(DqnConfig(compile=True), CPU)


def test_a_device_without_bfloat16_is_refused() -> None:
    with pytest.raises(ConfigError, match="`precision` should be float32 on meta"):
        Arithmetic(DqnConfig(precision="bfloat16"), torch.device("meta"))


TRACE = """
import torch
from edarl.agents.config import NetworkConfig
from edarl.agents.network import PrefixNetwork
for context in (True, False):
    network = PrefixNetwork(8, 2, NetworkConfig(blocks=1, channels=4, context=context))
    torch.nn.init.normal_(network.advantage.weight)
    network.eval()
    observation = torch.rand(2, 8, 6, 6)
    traced = torch.compile(network, backend="eager", fullgraph=True)
    with torch.no_grad():
        print(torch.equal(traced(observation), network(observation)))
"""


def test_the_network_is_one_graph_for_the_compiler() -> None:
    """Traced whole; in a process of its own, since shapes that are checked cannot be traced.

    Making machine code of it takes a minute on a CPU, too long for a test.
    """
    done = subprocess.run(
        [sys.executable, "-c", TRACE], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.split() == ["True", "True"]


def test_auto_is_a_gpu_where_there_is_one() -> None:
    assert device_named("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ConfigError, match="`device` should be auto or one that torch has here"):
        device_named("abacus")
