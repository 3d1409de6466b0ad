"""SPICE netlists, LEF outlines and device models are read exactly, or refused with a reason."""

from pathlib import Path

import pytest

from edarl.errors import LibraryError
from edarl.synthesis.characterize.lef import read_macros
from edarl.synthesis.characterize.models import model_text
from edarl.synthesis.characterize.subcircuits import Transistor, merge_fingers, read_subcircuits


def test_widths_in_micrometres_and_in_metres_mean_the_same(process: Path) -> None:
    cells = read_subcircuits([process / "cells.spice"], ["*inv_1", "*nand2_1"])
    assert list(cells) == ["tt__inv_1", "tt__nand2_1"]
    sizes = {
        (item.width_um, item.length_um) for cell in cells.values() for item in cell.transistors
    }
    assert sizes == {(1.0, 0.15)}
    assert cells["tt__inv_1"].ports == ("A", "VGND", "VNB", "VPB", "VPWR", "Y")
    assert cells["tt__inv_1"].transistors[0] == Transistor(
        "Y", "A", "VPWR", "VPB", "pdevice", 1.0, 0.15
    )


def test_a_cell_that_is_not_asked_for_may_hold_anything(process: Path) -> None:
    with pytest.raises(LibraryError, match="cell tt__tie_1 should consist of MOS transistors"):
        read_subcircuits([process / "cells.spice"], ["*"])


def test_a_pattern_without_a_cell_is_named_with_what_there_is(process: Path) -> None:
    with pytest.raises(LibraryError, match=r"no cell matches \*nor\*; there are 9 cells, for ex"):
        read_subcircuits([process / "cells.spice"], ["*inv*", "*nor*"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (".subckt a Y\nX0 Y A 0 0 n w=1u\n.ends\n", r"line 2: cell a .* \(without l\)"),
        (".subckt a Y\nX0 Y A 0 n w=1u l=1u\n.ends\n", "no transistor with four nets"),
        (".subckt a Y\nX0 Y A 0 0 n w=-1u l=1u\n.ends\n", "a length of -1u"),
        (".subckt a Y\nX0 Y A 0 0 n w=1u l=1u m=1.5\n.ends\n", "1.5 fingers"),
        (".subckt a Y\n.subckt b Y\n", "line 2: expected `.subckt NAME PORTS...`"),
        (".subckt a Y\n", "the subcircuit a should end with `.ends`"),
    ],
)
def test_a_damaged_netlist_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "cells.spice"
    file.write_text(text)
    with pytest.raises(LibraryError, match=complaint):
        read_subcircuits([file], ["a"])


def test_two_definitions_of_a_cell_are_refused(process: Path, tmp_path: Path) -> None:
    text = (process / "cells.spice").read_text().replace("1e+06u", "2e+06u")
    (tmp_path / "more.spice").write_text(text)
    with pytest.raises(LibraryError, match="the cell tt__inv_1 was defined differently before"):
        read_subcircuits([process / "cells.spice", tmp_path], ["tt__inv_1"])


def test_parallel_fingers_become_one_transistor(process: Path) -> None:
    cells = read_subcircuits([process / "cells.spice"], ["*inv*"])
    one, two = (merge_fingers(cells[f"tt__inv_{drive}"]) for drive in (1, 2))
    assert [item.fingers for item in one.transistors] == [1, 1]
    assert [item.fingers for item in two.transistors] == [2, 2]


def test_lef_gives_area_and_roles(process: Path) -> None:
    macro = read_macros([process / "cells.lef"])["tt__nand2_1"]
    assert macro.area_um2 == pytest.approx(3.7536)
    assert macro.height_um == pytest.approx(2.72)
    assert macro.pins == {
        "A": "input",
        "B": "input",
        "Y": "output",
        "VPB": "power",
        "VPWR": "power",
        "VNB": "ground",
        "VGND": "ground",
    }


@pytest.mark.parametrize("size", ["", "SIZE 1.2.3 BY 1 ;", "SIZE 1 BY . ;", "SIZE 0 BY 1 ;"])
def test_a_macro_without_a_size_is_refused(tmp_path: Path, size: str) -> None:
    (tmp_path / "a.lef").write_text(f"MACRO a\n  CLASS CORE ;\n  {size}\nEND a\n")
    with pytest.raises(LibraryError, match="the macro a should have a `SIZE x BY y ;`"):
        read_macros([tmp_path])


def test_only_the_models_that_are_needed_are_kept(process: Path) -> None:
    cells = read_subcircuits([process / "cells.spice"], ["*inv_1"])
    text = model_text(process / "models", "tt", cells.values())
    assert ".option scale=1.0u" in text
    assert ".param statistical=0" in text
    assert ".param drift=0.01" in text
    for left_out in ("unused", "other", "unwanted", "binned"):
        assert left_out not in text
    assert ".model ndevice__model" in text
    assert ".model pdevice__model" in text
    slow = model_text(process / "models" / "tt.lib.spice", "ss", cells.values())
    assert ".param statistical=1" in slow


def test_only_the_models_of_sizes_that_occur_are_kept(process: Path) -> None:
    cells = read_subcircuits([process / "cells.spice"], ["*binned_1"])
    text = model_text(process / "models", "tt", cells.values())
    assert ".model binned__model.0" in text
    assert ".model binned__model.1" not in text


@pytest.mark.parametrize(
    ("device", "complaint"),
    [
        ("binned w=2.5e+06u", "device binned has no model for w=2.5 l=0.15 um"),
        ("other w=1e+06u", "expected the devices other, but it defines 4 others"),
    ],
)
def test_a_device_or_size_without_a_model_is_refused(
    process: Path, tmp_path: Path, device: str, complaint: str
) -> None:
    text = (process / "cells.spice").read_text()
    (tmp_path / "cells.spice").write_text(text.replace("binned w=1e+06u", device))
    cells = read_subcircuits([tmp_path], ["*binned_1"])
    with pytest.raises(LibraryError, match=complaint):
        model_text(process / "models", "tt", cells.values())


def test_a_corner_without_a_section_is_refused(process: Path) -> None:
    with pytest.raises(LibraryError, match=r"should have a section `\.lib ff`; it has tt, ss"):
        model_text(process / "models", "ff", [])


def test_a_folder_with_two_model_libraries_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.lib.spice").write_text(".lib tt\n.endl tt\n")
    with pytest.raises(LibraryError, match=r"exactly one .* but holds: a.lib.spice, b.lib.spice"):
        model_text(tmp_path, "tt", [])
