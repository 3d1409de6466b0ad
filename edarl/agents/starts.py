"""Where episodes start: structures and designs known from elsewhere first, then good designs.

Every start that has no cost for the episode's target yet is evaluated before anything else. After
that most episodes start near the best designs known for the target: at one that is dreamed up from
them, see `edarl.agents.chooser`, or at one of them.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np

from edarl.agents.archive import Archive
from edarl.agents.chooser import Chooser
from edarl.agents.config import DqnConfig
from edarl.agents.task import TaskInfo
from edarl.errors import ConfigError
from edarl.prefix.design import Design, PMode
from edarl.prefix.structures import structure

__all__ = ["Starts"]


class Starts:
    """Chooses the design that an episode starts at.

    Args:
        config: The agent's settings.
        info: The task.

    Attributes:
        structures: The structures that the settings name, in every p mode of the task.
        known: Designs from elsewhere that episodes start at too, such as a store's.

    Raises:
        ConfigError: A structure does not exist.
    """

    def __init__(self, config: DqnConfig, info: TaskInfo) -> None:
        self._config = config
        self._info = info
        self.structures = tuple(
            info.design(structure(name, info.width), mode)
            for name in config.starts
            for mode in info.p_modes
        )
        self.known: tuple[Design, ...] = ()

    def take_up(self, designs: Sequence[Design]) -> None:
        """Start at these designs too, instead of others that were taken up before.

        A design with a p mode that the task has not got is taken up as its graph in each p mode of
        the task.

        Raises:
            ConfigError: A design is of another circuit.
        """
        info = self._info
        known: dict[Design, None] = {}
        for design in designs:
            if design.circuit != info.circuit:
                raise ConfigError(
                    f"designs to start from should be of the circuit {info.circuit.name}, "
                    f"actual: {design.circuit.name}"
                )
            if design.p_mode in info.p_modes:
                known[design] = None
            else:
                known |= {info.design(design.graph, mode): None for mode in info.p_modes}
        self.known = tuple(design for design in known if design not in self.structures)

    def choose(
        self,
        target_ps: float | None,
        *,
        archive: Archive,
        chooser: Chooser,
        p_modes: Sequence[PMode],
        unusable: Container[Design],
        tried: Container[Design],
        rng: np.random.Generator,
    ) -> Design:
        """Choose a start.

        Args:
            target_ps: The episode's delay target.
            archive: The designs that have been met.
            chooser: Dreams up new ones.
            p_modes: P modes that a design may have.
            unusable: Known designs that need not be evaluated once more to start from them.
            tried: Designs that are not worth a dream.
            rng: Where the randomness comes from.
        """
        config = self._config
        usable = [*self.structures, *(each for each in self.known if each not in unusable)]
        fresh = [start for start in usable if not archive.measured(start, target_ps)]
        starts = [start for start in fresh or usable if start.p_mode in p_modes]
        if not fresh and rng.random() < config.start_archive:
            population = [
                design
                for design, _ in archive.best(target_ps, config.population)
                if design.p_mode in p_modes
            ]
            if population and config.dreams:
                dreamed = chooser.dream(
                    population, target_ps, p_modes=p_modes, rng=rng, avoid=tried
                )
                if dreamed is not None:
                    return dreamed
            starts = population or starts
        return starts[int(rng.integers(len(starts)))]
