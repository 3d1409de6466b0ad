"""The own timer and sizer: NLDM timing and gate sizing in compiled code, behind `Evaluator`.

- ``tables``, ``nldm``, ``grids``, ``archive``: a library's delay tables, read once and kept.
- ``arrays``, ``netlist``, ``mapping``: a netlist as arrays, from gates, from cells, from a design.
- ``timer``: full and incremental timing. ``sizing``: from the smallest to the fastest netlist.
- ``joint``: annealing of graph, polarity, p modes and sizes. ``walkers``: its states and netlists.
- ``figures``, ``features``: what a netlist looks like before it is sized, for models of its cost.
- ``sizer``, ``evaluator``: what the rest of edarl uses.

Modules are imported one by one, since compiled code is slow to import.
"""

__all__: list[str] = []
