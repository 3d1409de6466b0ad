"""Search: random walks, greedy descent, annealing, evolution, joint annealing, guided search.

A searcher proposes designs and observes their evaluations; `run_search` is the loop around it and
the one counter of evaluation calls. Nothing here knows tools, databases or networks: the model of
guided search is handed in as a `Foreteller`.
"""

from edarl.search.annealing import Annealing, AnnealingOptions
from edarl.search.driver import OnEvaluation, Progress, SearchOutcome, StopReason, run_search
from edarl.search.evolution import Evolution, EvolutionOptions
from edarl.search.greedy import Greedy, GreedyOptions
from edarl.search.guided import Choice, Guided, GuidedOptions
from edarl.search.methods import METHODS, make_searcher
from edarl.search.moves import Proposal
from edarl.search.problem import Foreteller, Searcher, SearchProblem, Sizing
from edarl.search.random_walk import RandomOptions, RandomWalk

__all__ = [
    "METHODS",
    "Annealing",
    "AnnealingOptions",
    "Choice",
    "Evolution",
    "EvolutionOptions",
    "Foreteller",
    "Greedy",
    "GreedyOptions",
    "Guided",
    "GuidedOptions",
    "OnEvaluation",
    "Progress",
    "Proposal",
    "RandomOptions",
    "RandomWalk",
    "SearchOutcome",
    "SearchProblem",
    "Searcher",
    "Sizing",
    "StopReason",
    "make_searcher",
    "run_search",
]
