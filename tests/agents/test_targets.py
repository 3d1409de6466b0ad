import numpy as np
import torch

from edarl.agents.config import DqnConfig, NetworkConfig
from edarl.agents.learner import Learner, discounted_rewards
from edarl.agents.replay import Sample
from edarl.agents.targets import (
    by_action,
    double_dqn_targets,
    masked_argmax,
    scalarise,
    select,
)

# Three actions, two components. The preference looks at the first component only.
FIRST = torch.tensor([[1.0, 0.0]])


def test_actions_are_laid_out_by_kind_then_msb_then_lsb() -> None:
    width = 3
    values = torch.arange(2 * 2 * width * width, dtype=torch.float32).view(1, 2, 2, width, width)
    laid_out = by_action(values)
    assert laid_out.shape == (1, 2 * width * width, 2)
    for kind, msb, lsb in ((0, 2, 1), (1, 1, 0), (1, 2, 2)):
        index = kind * width * width + msb * width + lsb
        assert torch.equal(laid_out[0, index], values[0, kind, :, msb, lsb])


def test_vector_values_are_weighed_per_batch_entry() -> None:
    values = torch.tensor([[[1.0, 10.0], [2.0, 0.0]], [[1.0, 10.0], [2.0, 0.0]]])
    preferences = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    scores = scalarise(values, preferences)
    assert scores.tolist() == [[1.0, 2.0], [5.5, 1.0]]


def test_the_choice_ignores_illegal_actions_with_the_highest_value() -> None:
    scores = torch.tensor([[9.0, 1.0, 2.0], [9.0, -5.0, -7.0]])
    legal = torch.tensor([[False, True, True], [False, True, True]])
    assert masked_argmax(scores, legal).tolist() == [2, 1]


def test_the_target_never_uses_an_illegal_next_action() -> None:
    online = torch.tensor([[[100.0, 0.0], [1.0, 0.0], [2.0, 0.0]]])
    target = torch.tensor([[[100.0, 100.0], [3.0, 4.0], [5.0, 6.0]]])
    result = double_dqn_targets(
        rewards=torch.tensor([[0.5, -0.5]]),
        discounts=torch.tensor([0.75]),
        next_online=online,
        next_target=target,
        next_legal=torch.tensor([[False, True, True]]),
        preferences=FIRST,
    )
    assert result.tolist() == [[0.5 + 0.75 * 5.0, -0.5 + 0.75 * 6.0]]


def test_the_online_network_chooses_and_the_target_network_evaluates() -> None:
    online = torch.tensor([[[1.0, 0.0], [3.0, 0.0], [2.0, 0.0]]])
    target = torch.tensor([[[50.0, 50.0], [-1.0, 7.0], [90.0, 90.0]]])
    result = double_dqn_targets(
        rewards=torch.zeros(1, 2),
        discounts=torch.tensor([0.5]),
        next_online=online,
        next_target=target,
        next_legal=torch.tensor([[True, True, True]]),
        preferences=FIRST,
    )
    assert result.tolist() == [[-0.5, 3.5]]


def test_the_preference_decides_which_next_action_is_bootstrapped() -> None:
    values = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]).expand(2, -1, -1)
    result = double_dqn_targets(
        rewards=torch.zeros(2, 2),
        discounts=torch.ones(2),
        next_online=values,
        next_target=values,
        next_legal=torch.ones(2, 2, dtype=torch.bool),
        preferences=torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
    )
    assert result.tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_a_state_without_legal_moves_or_a_terminal_one_is_worth_nothing_more() -> None:
    values = torch.full((2, 3, 2), 8.0)
    result = double_dqn_targets(
        rewards=torch.ones(2, 2),
        discounts=torch.tensor([0.75, 0.0]),
        next_online=values,
        next_target=values,
        next_legal=torch.tensor([[False, False, False], [True, True, True]]),
        preferences=FIRST.expand(2, -1),
    )
    assert result.tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_savings_along_a_chain_are_discounted_and_an_ended_chain_adds_nothing() -> None:
    costs = np.array([[[4.0], [3.0], [1.0]], [[4.0], [3.0], [3.0]]])
    rewards = discounted_rewards(costs, gamma=0.5)
    assert rewards.tolist() == [[1.0 + 0.5 * 2.0], [1.0]]


def _sample(*, terminated: bool) -> Sample:
    """One transition at width 3 whose costs fall from e to 1, so one unit of logarithm is saved."""
    planes = np.zeros((1, 2, 3, 3), dtype=np.float32)
    legal = np.zeros((1, 18), dtype=bool)
    legal[0, 7] = True
    return Sample(
        observations=planes,
        actions=np.array([7]),
        costs=np.array([[[np.e], [1.0]]]),
        lengths=np.array([1]),
        next_observations=planes + 1.0,
        next_legal=legal,
        terminated=np.array([terminated]),
        targets_ps=np.array([300.0]),
    )


def _learner() -> Learner:
    config = DqnConfig(
        network=NetworkConfig(blocks=1, channels=4), gamma=0.75, reward_scale=2.0, sync_every=1000
    )
    return Learner(config, planes=2, components=1, seed=0)


def test_a_time_limit_bootstraps_and_a_terminal_state_does_not() -> None:
    """The exact targets: 2 x 1, and with bootstrapping plus 0.75 x the target network's 4."""
    for terminated, expected in ((False, 2.0 + 0.75 * 4.0), (True, 2.0)):
        learner = _learner()
        with torch.no_grad():
            learner.target.value.bias.fill_(4.0)  # its values are 4 everywhere: all weights are 0
        before = learner.scores(_sample(terminated=True).observations, np.ones((1, 1)))[0, 7]
        report = learner.update(_sample(terminated=terminated), np.ones((1, 1)))
        assert before == 0.0
        assert np.isclose(report.td_error, expected, atol=1e-6)


def test_an_update_moves_the_value_of_the_action_taken_towards_its_target() -> None:
    learner = _learner()
    sample = _sample(terminated=True)
    errors = [learner.update(sample, np.ones((1, 1))).td_error for _ in range(200)]
    assert errors[-1] < 0.2 * errors[0]


def test_the_target_network_follows_only_when_it_is_synchronised() -> None:
    config = DqnConfig(network=NetworkConfig(blocks=1, channels=4), sync_every=3)
    learner = Learner(config, planes=2, components=1, seed=0)
    start = {name: value.clone() for name, value in learner.target.state_dict().items()}
    for _ in range(2):
        learner.update(_sample(terminated=True), np.ones((1, 1)))
    assert all(
        torch.equal(value, start[name]) for name, value in learner.target.state_dict().items()
    )
    learner.update(_sample(terminated=True), np.ones((1, 1)))
    online = learner.online.state_dict()
    assert all(
        torch.equal(value, online[name]) for name, value in learner.target.state_dict().items()
    )


def test_selecting_gives_the_vector_of_the_chosen_action() -> None:
    values = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])
    assert select(values, torch.tensor([1, 0])).tolist() == [[3.0, 4.0], [5.0, 6.0]]
