"""Design rules and layout against netlist, by klayout's engine.

Where a layout breaks a rule is found by `design_rules`, with the checks in `kinds` on the regions
of `drawing`. Whether it has the transistors and nets of its netlist is told by `lvs`. `files` asks
both of a cell in a GDS file.

klayout is GPL-3; it is an optional extra, imported in `engine` alone and used by nothing else.
"""

from edarl.layout.checks.design_rules import Violation, check_rules, check_shapes
from edarl.layout.checks.engine import klayout_db
from edarl.layout.checks.files import check_gds
from edarl.layout.checks.lvs import compare_netlists

__all__ = [
    "Violation",
    "check_gds",
    "check_rules",
    "check_shapes",
    "compare_netlists",
    "klayout_db",
]
