"""Synthesis: cell libraries, the tools behind them, flows, evaluators, proofs.

Only here do outside programs run. What comes out are figures that were measured and netlists that
were proven; nothing here judges or searches.
"""

__all__: list[str] = []
