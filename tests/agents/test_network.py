import numpy as np
import pytest
import torch

from edarl.agents.config import NETWORK_PRESETS, NetworkConfig
from edarl.agents.network import PrefixNetwork, coordinate_planes


def network(planes: int = 8, components: int = 3) -> PrefixNetwork:
    torch.manual_seed(0)
    built = PrefixNetwork(planes, components, NetworkConfig(blocks=2, channels=8))
    for parameter in built.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return built.eval()


@pytest.mark.parametrize("width", [3, 8, 12])
def test_one_set_of_weights_serves_every_width(width: int) -> None:
    values = network()(torch.rand(2, 8, width, width))
    assert values.shape == (2, 2, 3, width, width)
    assert bool(torch.isfinite(values).all())


def test_a_batch_gives_the_same_values_as_its_entries_alone() -> None:
    observations = torch.rand(3, 8, 8, 8)
    built = network()
    together = built(observations)
    alone = torch.cat([built(entry[None]) for entry in observations])
    assert torch.allclose(together, alone, atol=1e-5)


def test_values_react_to_the_target_plane_everywhere() -> None:
    observations = torch.rand(1, 8, 8, 8)
    other = observations.clone()
    other[:, 7] = 1.0 - other[:, 7]
    built = network()
    changed = (built(observations) - built(other)).abs() > 0
    assert bool(changed.all())


def test_coordinate_planes_tell_cells_apart_and_are_zero_above_the_diagonal() -> None:
    planes = coordinate_planes(5).numpy()
    assert planes.shape == (4, 5, 5)
    above = np.triu(np.ones((5, 5), dtype=bool), k=1)
    assert not planes[:, above].any()
    below = planes[:, ~above].T
    assert len(np.unique(below, axis=0)) == 15


def test_a_new_network_values_all_moves_equally() -> None:
    values = PrefixNetwork(8, 2, NetworkConfig())(torch.rand(1, 8, 8, 8))
    assert not bool(values.any())


def test_the_published_preset_has_about_105_million_weights() -> None:
    with torch.device("meta"):
        built = PrefixNetwork(4, 2, NETWORK_PRESETS["prefixrl"])
    assert 104e6 < sum(parameter.numel() for parameter in built.parameters()) < 107e6
