"""A process in a few lines: cells, outlines, and square-law transistors with known answers."""

from pathlib import Path

from edarl.synthesis.characterize import Grid, Request, RowLayout

__all__ = ["BETA_N", "BETA_P", "SMALL_GRID", "SUPPLY_V", "THRESHOLD_V", "request", "write_process"]

SUPPLY_V = 1.8
THRESHOLD_V = 0.5
_KP_N, _KP_P = 200e-6, 80e-6
BETA_N, BETA_P = _KP_N * 1.0 / 0.15, _KP_P * 1.0 / 0.15
"""What the inverter's transistors conduct with: kp times width over length, in A/V2."""

SMALL_GRID = Grid(slews_ns=(0.01, 0.1), loads=3)

CELLS = """\
* A comment, and a line that goes on.
.subckt tt__inv_1 A VGND VNB VPB VPWR Y
X0 Y A VPWR
+ VPB pdevice w=1e+06u l=150000u
X1 VGND A Y VNB ndevice w=1e+06u l=150000u
.ends
.subckt tt__inv_2 A VGND VNB VPB VPWR Y
X0 Y A VPWR VPB pdevice w=1e+06u l=150000u
X1 VPWR A Y VPB pdevice w=1e+06u l=150000u
X2 VGND A Y VNB ndevice w=1e+06u l=150000u
X3 Y A VGND VNB ndevice w=1e+06u l=150000u
.ends
.subckt tt__buf_1 A VGND VNB VPB VPWR X
X0 N A VPWR VPB pdevice w=1e+06u l=150000u
X1 N A VGND VNB ndevice w=1e+06u l=150000u
X2 X N VPWR VPB pdevice w=1e+06u l=150000u
X3 X N VGND VNB ndevice w=1e+06u l=150000u
.ends
.subckt tt__nand2_1 A B VGND VNB VPB VPWR Y
M0 Y A VPWR VPB pdevice w=1.0u l=0.15u
M1 VPWR B Y VPB pdevice w=1.0u l=0.15u
M2 VGND B mid VNB ndevice w=1.0u l=0.15u
M3 mid A Y VNB ndevice w=1.0u l=0.15u
.ends
.subckt tt__mux2_1 A0 A1 S VGND VNB VPB VPWR X
X0 SN S VPWR VPB pdevice w=1e+06u l=150000u
X1 SN S VGND VNB ndevice w=1e+06u l=150000u
X2 M S A0 VPB pdevice w=1e+06u l=150000u
X3 M SN A0 VNB ndevice w=1e+06u l=150000u
X4 M SN A1 VPB pdevice w=1e+06u l=150000u
X5 M S A1 VNB ndevice w=1e+06u l=150000u
X6 XN M VPWR VPB pdevice w=1e+06u l=150000u
X7 XN M VGND VNB ndevice w=1e+06u l=150000u
X8 X XN VPWR VPB pdevice w=1e+06u l=150000u
X9 X XN VGND VNB ndevice w=1e+06u l=150000u
.ends
.subckt tt__latch_1 D G VGND VNB VPB VPWR Q
X0 Q G D VNB ndevice w=1e+06u l=150000u
X1 N Q VPWR VPB pdevice w=1e+06u l=150000u
X2 N Q VGND VNB ndevice w=1e+06u l=150000u
.ends
.subckt tt__short_1 A VGND VNB VPB VPWR Y
X0 Y VGND VPWR VPB pdevice w=1e+06u l=150000u
X1 VGND A Y VNB ndevice w=1e+06u l=150000u
.ends
.subckt tt__binned_1 A VGND VNB Y
X0 VGND A Y VNB binned w=1e+06u l=150000u
.ends
.subckt tt__tie_1 HI LO VGND VNB VPB VPWR
R0 VGND LO resistor w=480000u l=45000u
.ends
"""

_PINS = {
    "inv_1": "A Y",
    "inv_2": "A Y",
    "buf_1": "A X",
    "nand2_1": "A B Y",
    "mux2_1": "A0 A1 S X",
    "latch_1": "D G Q",
    "short_1": "A Y",
}


def _macro(name: str, pins: str) -> str:
    *inputs, output = pins.split()
    roles = [(pin, "DIRECTION INPUT ;\n    USE SIGNAL ;") for pin in inputs]
    roles.append((output, "DIRECTION OUTPUT ;\n    USE SIGNAL ;"))
    roles += [(pin, "DIRECTION INOUT ;\n    USE POWER ;") for pin in ("VPB", "VPWR")]
    roles += [(pin, "DIRECTION INOUT ;\n    USE GROUND ;") for pin in ("VNB", "VGND")]
    body = "".join(f"  PIN {pin}\n    {role}\n  END {pin}\n" for pin, role in roles)
    return (
        f"MACRO tt__{name}\n  CLASS CORE ;\n  SIZE  1.380000 BY  2.720000 ;\n{body}END tt__{name}\n"
    )


_CARD = "level=1 lambda=0 tox=10n cgso=0.2n cgdo=0.2n cj=1m cjsw=0.1n js=1u"


def _device(name: str, kind: str, kp: float, threshold_v: float, *, binned: bool = False) -> str:
    """A device of one model, or of one for each of two ranges of width."""
    ranges = {"": ""}
    if binned:
        ranges = {
            ".0": " lmin=1e-07 lmax=2e-07 wmin=5e-07 wmax=2e-06",
            ".1": " lmin=1e-07 lmax=2e-07 wmin=3e-06 wmax=9e-06",
        }
    cards = "".join(
        f".model {name}__model{suffix} {kind}{limits}\n"
        f"+ vto={{{threshold_v} + statistical * drift}} kp={kp} {_CARD}\n"
        for suffix, limits in ranges.items()
    )
    return f"""\
.subckt {name} d g s b
+ l=1 w=1 ad=0 pd=0 as=0 ps=0 sa=0 sb=0
mx d g s b {name}__model w={{w}} l={{l}} ad={{ad}} as={{as}} pd={{pd}} ps={{ps}}
{cards}.ends
"""


def write_process(folder: Path) -> None:
    """Write the process's files: ``cells.spice``, ``cells.lef`` and ``models/tt.lib.spice``."""
    models = folder / "models"
    (models / "parts").mkdir(parents=True)
    (folder / "cells.spice").write_text(CELLS)
    (folder / "cells.lef").write_text("".join(_macro(*it) for it in _PINS.items()))
    (models / "tt.lib.spice").write_text(
        "* two corners\n"
        ".lib tt\n.param statistical=0 unused=7\n.include 'parts/devices.spice'\n.endl tt\n"
        ".lib ss\n.param statistical=1\n.include 'parts/devices.spice'\n.endl ss\n"
    )
    (models / "parts" / "devices.spice").write_text(
        ".option scale=1.0u\n.param drift=0.01 other={drift*2}\n"
        + _device("ndevice", "nmos", _KP_N, THRESHOLD_V)
        + _device("pdevice", "pmos", _KP_P, -THRESHOLD_V)
        + _device("binned", "nmos", _KP_N, THRESHOLD_V, binned=True)
        + _device("unwanted", "nmos", _KP_N, THRESHOLD_V)
    )


def request(folder: Path, *cells: str, layout: RowLayout | None = None) -> Request:
    """Ask for cells of the process over a small grid; by default transistors alone."""
    return Request(
        spice=(folder / "cells.spice",),
        lef=(folder / "cells.lef",),
        models=folder / "models",
        corner="tt_025C_1v80",
        cells=cells,
        grid=SMALL_GRID,
        layout=layout,
    )
