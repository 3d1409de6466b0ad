import gzip
import json
import pickle
from collections.abc import Iterable
from pathlib import Path

import pytest

from edarl.errors import ConfigError, LibraryError
from edarl.hdl.netlist import FUNCTIONS, CellBinding
from edarl.metrics import Constraint
from edarl.synthesis.boolean import truth_table
from edarl.synthesis.cells import Corner, Units
from edarl.synthesis.fetch import PUBLIC_LIBRARIES
from edarl.synthesis.liberty import parse_liberty
from edarl.synthesis.library import (
    CellLibrary,
    add_library,
    boxed_libraries,
    list_libraries,
    load_library,
    remove_library,
)
from tests.synthesis import tiny


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for each test."""
    monkeypatch.setenv("EDARL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def make(tmp_path: Path, *cells: str, name: str = "tiny", **options: str) -> CellLibrary:
    """Register a tiny library: the usual cells and some more."""
    usual = [tiny.cell(gate, *tiny.GATES[gate]) for gate in tiny.GATES]
    file = tmp_path / f"{name}.lib"
    file.write_text(tiny.library([*usual, *cells], **options))
    return add_library(name, [file])


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# ---------------------------------------------------------------- real libraries


def test_nangate45_binds_every_function_to_its_smallest_cell(nangate45: Path) -> None:
    library = load_library(nangate45)
    assert dict(library.bindings) == {
        "INV": CellBinding("INV_X1", ("A",), "ZN"),
        "BUF": CellBinding("BUF_X1", ("A",), "Z"),
        "NAND2": CellBinding("NAND2_X1", ("A1", "A2"), "ZN"),
        "NOR2": CellBinding("NOR2_X1", ("A1", "A2"), "ZN"),
        "AND2": CellBinding("AND2_X1", ("A1", "A2"), "ZN"),
        "OR2": CellBinding("OR2_X1", ("A1", "A2"), "ZN"),
        "XOR2": CellBinding("XOR2_X1", ("A", "B"), "Z"),
        "XNOR2": CellBinding("XNOR2_X1", ("A", "B"), "ZN"),
        "AOI21": CellBinding("AOI21_X1", ("B1", "B2", "A"), "ZN"),
        "OAI21": CellBinding("OAI21_X1", ("B1", "B2", "A"), "ZN"),
    }


def test_nangate45_is_fastest_on_the_first_of_its_interchangeable_pins(nangate45: Path) -> None:
    library = load_library(nangate45)
    pins = {function: binding.pins for function, binding in library.fast_pin_bindings.items()}
    assert pins["NAND2"] == ("A2", "A1")
    assert pins["XOR2"] == pins["XNOR2"] == ("B", "A")
    assert pins["AOI21"] == pins["OAI21"] == ("B2", "B1", "A")
    assert pins["INV"] == ("A",)


def test_nangate45_has_known_units_corner_areas_and_constraint(nangate45: Path) -> None:
    library = load_library(nangate45)
    assert library.units == Units(1000.0, 1.0)
    assert library.corner == Corner("typical", 1.0, 1.1, 25.0)
    assert library.area("NAND2_X1") == 0.798
    assert library.wire_load == "5K_hvratio_1_1"
    assert library.serving["NAND2"] == ("NAND2_X1", "NAND2_X2", "NAND2_X4")
    assert library.constraint() == Constraint("BUF_X2", 7.116836)
    assert library.constraint("BUF_X1", 10.0) == Constraint("BUF_X1", 10.0)
    left_out = library.left_out()
    assert left_out["DFF_X1"] == "sequential"
    assert left_out["TBUF_X1"] == "tri-state"
    assert left_out["FA_X1"] == "2 outputs"
    assert left_out["FILLCELL_X1"] == "dont_use"
    assert "NAND3_X1" not in left_out
    assert len(library.cells) == 134


def test_sky130hd_is_complete_and_leaves_cells_on_other_supplies_out(sky130hd: Path) -> None:
    library = load_library(sky130hd)
    prefix = "sky130_fd_sc_hd__"
    assert library.units == Units(1000.0, 1000.0)
    assert set(library.bindings) == set(FUNCTIONS)
    assert library.bindings["INV"].cell == f"{prefix}inv_1"
    assert library.bindings["AOI21"] == CellBinding(f"{prefix}a21oi_1", ("A1", "A2", "B1"), "Y")
    assert library.left_out()[f"{prefix}lpflow_clkbufkapwr_1"] == "needs another supply"
    assert f"{prefix}lpflow_clkbufkapwr_1" in library.excluded_cells()
    assert library.constraint() == Constraint(f"{prefix}buf_2", 6.908)


def test_the_cleaned_copy_differs_in_the_default_wire_load_only(nangate45: Path) -> None:
    library = load_library(nangate45)
    original = gzip.decompress(nangate45.read_bytes()).decode()
    cleaned = library.liberty_path.read_text()
    assert cleaned == original.replace('default_wire_load : "5K_hvratio_1_1" ;', "")


# ---------------------------------------------------------------- matching


def test_cells_are_found_by_function_whatever_they_are_called(tmp_path: Path) -> None:
    names = iter("abcdefghijklm")
    cells = [tiny.cell(next(names), *tiny.GATES[gate]) for gate in tiny.GATES]
    (tmp_path / "odd.lib").write_text(tiny.library(cells))
    library = load_library(tmp_path / "odd.lib")
    for function, (count, table) in FUNCTIONS.items():
        binding = library.bindings[function]
        written = library.cell(binding.cell).pin(binding.output).function
        assert written is not None
        assert len(binding.pins) == count
        assert truth_table(written, binding.pins) == table


def test_equal_areas_are_ordered_by_shorter_name_then_by_name(tmp_path: Path) -> None:
    cells = [tiny.cell(name, "A B", "!(A & B)") for name in ("CLKNAND", "NAND_B", "NAND_A")]
    cells.append(tiny.cell("AAA", "A B", "!(A & B)", area=2.0))
    library = make(tmp_path, *cells)
    assert library.serving["NAND2"] == ("NANDT", "NAND_A", "NAND_B", "CLKNAND", "AAA")
    assert library.bindings["NAND2"].cell == "NANDT"


def test_interchangeable_pins_are_ordered_from_slow_to_fast(tmp_path: Path) -> None:
    library = make(
        tmp_path,
        tiny.cell("FAST_LAST", "A B", "!(A & B)", area=0.5, slower=-0.005),
        tiny.cell("SAME", "A B", "!(A | B)", area=0.5, slower=0.0),
    )
    assert library.fast_pin_bindings["NAND2"].pins == ("A", "B")
    assert library.fast_pin_bindings["NOR2"].pins == ("A", "B")
    assert library.fast_pin_bindings["AND2"].pins == ("B", "A")
    assert library.fast_pin_bindings["AOI21"].pins == ("B", "A", "C")


def test_all_missing_functions_are_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "a.lib"
    file.write_text(tiny.library([tiny.cell("N", "A B", "!(A B)"), tiny.cell("I", "A", "!A")]))
    with pytest.raises(LibraryError) as caught:
        add_library("few", [file])
    assert "no usable cell for BUF, NOR2, AND2, OR2, XOR2, XNOR2, AOI21, OAI21;" in str(
        caught.value
    )
    assert list_libraries() == boxed_libraries()


_SEQUENTIAL = '  ff ("IQ", "IQN") { clocked_on : "A"; next_state : "B"; }\n'
_SUPPLY = "  pg_pin (VBACK) { pg_type : backup_power; }\n"
_SECOND = '  pin (Z) { direction : output; function : "A"; }\n'


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (tiny.cell("X", "A B", "!(A B)", area=0.1, extra="  dont_use : true;\n"), "dont_use"),
        (tiny.cell("X", "A B", "!(A B)", area=0.1, extra=_SEQUENTIAL), "sequential"),
        (tiny.cell("X", "A B", "!(A B)", area=0.1, extra=_SUPPLY), "needs another supply"),
        (tiny.cell("X", "A B", "!(A B)", area=0.1, extra=_SECOND), "2 outputs"),
        (tiny.cell("X", "A B", "!(A B)", area=0.1, extra="  bus (D) { }\n"), "bus pins"),
        (tiny.cell("X", "A B", "B", area=0.1, output="three_state"), "tri-state"),
        (tiny.cell("X", "A B", "x", area=0.1, output="comment"), "no function"),
        (tiny.cell("X", "A B", "!(A B", area=0.1), "function not understood"),
        (tiny.cell("X", "A B", "!(A ? B)", area=0.1), "function not understood"),
        (tiny.cell("X", "A B", "!A", area=0.1), "function does not use exactly the input pins"),
        (tiny.cell("X", "", "1", area=0.1), "no input"),
        ("cell (X) { area : 0.1; pin (A) { direction : input; } }\n", "no output"),
        (
            tiny.cell(
                "X", "A B", "!(A B)", area=0.1, extra="  pin (N) { direction : internal; }\n"
            ),
            "bidirectional or internal pins",
        ),
    ],
)
def test_what_is_no_gate_is_left_out_with_its_reason(
    tmp_path: Path, cell: str, reason: str
) -> None:
    library = make(tmp_path, cell)
    assert library.left_out() == {"X": reason}
    assert all("X" not in cells for cells in library.serving.values())
    hidden = reason in ("dont_use", "needs another supply", "bus pins")
    assert library.excluded_cells() == (("X",) if hidden else ())


def test_large_gates_are_kept_but_serve_no_function(tmp_path: Path) -> None:
    library = make(tmp_path, tiny.cell("NAND4", "A B C D", "!(A B C D)"))
    assert library.left_out() == {}
    assert all("NAND4" not in cells for cells in library.serving.values())
    assert library.area("NAND4") == 1.0


# ---------------------------------------------------------------- constraint


def test_the_default_driver_is_the_second_smallest_buffer(tmp_path: Path) -> None:
    larger = [tiny.cell("B3", "A", "A", area=3.0), tiny.cell("B2", "A", "A", area=2.0)]
    twin = tiny.cell("CLKBUF", "A", "A")
    assert make(tmp_path, *larger, twin).constraint() == Constraint("B2", 8.0)
    assert make(tmp_path, twin).constraint() == Constraint("BUFT", 8.0)


def test_the_default_load_is_four_times_the_chosen_drivers_input(tmp_path: Path) -> None:
    library = make(tmp_path, units='time_unit : "10ps"; capacitive_load_unit (10, "ff");')
    assert library.constraint("INVT").load_ff == pytest.approx(4 * 0.002 * 10)
    assert library.constraint(load_ff=3.0) == Constraint("BUFT", 3.0)


def test_a_driver_should_be_a_buffer_or_an_inverter_of_the_library(tmp_path: Path) -> None:
    library = make(tmp_path)
    with pytest.raises(LibraryError, match="should be a buffer or an inverter, actual cell: NANDT"):
        library.constraint("NANDT")
    with pytest.raises(LibraryError, match="has no cell `BUFX`; did you mean BUFT"):
        library.constraint("BUFX")
    for load_ff in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="`load_ff` should be above 0"):
            library.constraint(load_ff=load_ff)


# ---------------------------------------------------------------- units


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ('time_unit : "1ns"; capacitive_load_unit (1,ff);', Units(1000.0, 1.0)),
        ("time_unit : 100ps; capacitive_load_unit (0.1, PF);", Units(100.0, 100.0)),
        ('capacitive_load_unit (1.0000000000, "pf");', Units(1000.0, 1000.0)),
    ],
)
def test_units_are_read_in_every_customary_spelling(
    tmp_path: Path, units: str, expected: Units
) -> None:
    library = make(tmp_path, units=units)
    assert library.units == expected
    assert library.cell("INVT").pin("A").capacitance_ff == pytest.approx(
        0.002 * expected.capacitance_ff
    )


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ("", "`capacitive_load_unit` is missing"),
        ("capacitive_load_unit (1, uf);", "should be like (1,ff) or (1,pf), actual value: (1, uf)"),
        ("capacitive_load_unit (0, ff);", "should be like (1,ff) or (1,pf)"),
        ("capacitive_load_unit ();", "should be like (1,ff) or (1,pf)"),
        ("time_unit : 1s; capacitive_load_unit (1,ff);", "`time_unit` should be like 1ns or 10ps"),
    ],
)
def test_unusable_units_are_refused(tmp_path: Path, units: str, expected: str) -> None:
    with pytest.raises(LibraryError) as caught:
        make(tmp_path, units=units)
    assert expected in str(caught.value)


def test_every_unusable_cell_is_listed(tmp_path: Path) -> None:
    bad = ["cell (P) { }", "cell (Q) { area : -1; }", "cell () { area : 1; }", "cell (INVT) { }"]
    with pytest.raises(LibraryError) as caught:
        make(tmp_path, *bad)
    for problem in ("cell P should have", "cell Q should have", "one name", "INVT stands here a"):
        assert problem in str(caught.value)


def test_a_library_without_cells_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.lib").write_text(tiny.library([]))
    with pytest.raises(LibraryError, match="the library has no cells"):
        load_library(tmp_path / "a.lib")


# ---------------------------------------------------------------- several files


def parts(tmp_path: Path, *texts: str) -> list[Path]:
    """Write texts into files, every second one as gzip."""
    paths = []
    for number, text in enumerate(texts):
        path = tmp_path / f"part{number}.lib"
        if number % 2:
            path = path.with_suffix(".lib.gz")
            path.write_bytes(gzip.compress(text.encode()))
        else:
            path.write_text(text)
        paths.append(path)
    return paths


def gates(names: Iterable[str]) -> list[str]:
    return [tiny.cell(name, *tiny.GATES[name]) for name in names]


def test_several_files_make_one_library(tmp_path: Path) -> None:
    names = list(tiny.GATES)
    texts = [tiny.library(gates(names[start::4]), name=f"part{start}") for start in range(4)]
    extra = "  lu_table_template (own) { }\n"
    texts[2] = texts[2].replace("  lu_table", f"  define (x, cell, float);\n{extra}  lu_table", 1)
    library = add_library("four", parts(tmp_path, *texts))
    assert list(library.cells) == [name for start in range(4) for name in names[start::4]]
    assert [source.file for source in library.sources] == [
        "part0.lib",
        "part1.lib.gz",
        "part2.lib",
        "part3.lib.gz",
    ]
    merged = parse_liberty(library.liberty_path.read_text(), source="merged")
    assert merged.arguments == ("part0",)
    assert [group.arguments for group in merged.children("lu_table_template")] == [
        ("grid",),
        ("own",),
    ]
    assert merged.arguments_of("define") == ("x", "cell", "float")
    whole = make(tmp_path, name="whole")
    assert {name: library.cells[name] for name in whole.cells} == dict(whole.cells)
    assert library.bindings == whole.bindings


def test_files_that_do_not_belong_together_are_refused_with_every_reason(tmp_path: Path) -> None:
    names = list(tiny.GATES)
    first = tiny.library(gates(names))
    second = tiny.library(
        gates(names[:1]), units='time_unit : "1ps"; capacitive_load_unit (1, pf);'
    ).replace("nom_voltage : 1.1", "nom_voltage : 0.7")
    with pytest.raises(LibraryError) as caught:
        add_library("bad", parts(tmp_path, first, second))
    message = str(caught.value)
    assert "its units differ from those of" in message
    assert "`nom_voltage` is 0.7, but 1.1 in" in message
    assert f"cell {names[0]} is in {tmp_path}/part0.lib already" in message


def test_a_template_that_differs_gets_a_name_of_its_own(tmp_path: Path) -> None:
    names = list(tiny.GATES)
    texts = [
        tiny.library(gates(names[:3])),
        tiny.library(gates(names[3:6]), grid="0.001, 0.6"),
        tiny.library(gates(names[6:])),
    ]
    library = add_library("three", parts(tmp_path, *texts))
    merged = parse_liberty(
        library.liberty_path.read_text(),
        source="merged",
        descend=["library", "lu_table_template", "cell", "pin", "timing"],
    )
    grids = {group.arguments[0]: group for group in merged.children("lu_table_template")}
    assert {name: grid.arguments_of("index_2") for name, grid in grids.items()} == {
        "grid": ("0.001, 0.5",),
        "grid__2": ("0.001, 0.6",),
    }
    used = {
        cell.arguments[0]: {
            table.arguments[0]
            for pin in cell.children("pin")
            for timing in pin.children("timing")
            for table in timing.groups
        }
        for cell in merged.children("cell")
    }
    assert used == {name: {"grid__2" if name in names[3:6] else "grid"} for name in names}


def test_a_library_needs_a_file() -> None:
    with pytest.raises(LibraryError, match="at least one Liberty file, got none"):
        add_library("none", [])


# ---------------------------------------------------------------- registry


def test_a_registered_library_comes_back_as_it_was(tmp_path: Path) -> None:
    added = make(tmp_path, head='  default_wire_load : "W";\n  wire_load ("W") { }\n')
    loaded = load_library("tiny")
    for field in CellLibrary.__dataclass_fields__:
        assert getattr(loaded, field) == getattr(added, field), field
    assert loaded == added
    assert loaded.wire_load == "W"
    assert "default_wire_load" not in loaded.liberty_path.read_text()


def test_wire_load_choices_vanish_without_moving_a_line(tmp_path: Path) -> None:
    head = "  default_wire_load :\n   W ;\n  default_wire_load_selection : S;\n"
    library = make(tmp_path, head=head)
    original = (tmp_path / "tiny.lib").read_text()
    cleaned = library.liberty_path.read_text()
    assert "default_wire_load" not in cleaned
    assert cleaned.count("\n") == original.count("\n")
    assert cleaned.split() == original.replace(head, "").split()


def test_libraries_are_equal_by_content_and_pickle(tmp_path: Path) -> None:
    one, other = make(tmp_path, name="one"), make(tmp_path, name="other")
    larger = make(tmp_path, tiny.cell("MORE", "A", "A"), name="larger")
    assert one == other
    assert one.name != other.name
    assert hash(one) == hash(other)
    assert one != larger
    assert pickle.loads(pickle.dumps(one)).bindings == one.bindings


def test_libraries_are_listed_replaced_and_removed(tmp_path: Path, home: Path) -> None:
    assert list_libraries() == boxed_libraries()
    make(tmp_path, name="b")
    first = make(tmp_path, name="a")
    assert list_libraries() == (*boxed_libraries(), "a", "b")
    second = make(tmp_path, tiny.cell("MORE", "A", "A"), name="a")
    assert second != first
    assert load_library("a") == second
    remove_library("a")
    assert list_libraries() == (*boxed_libraries(), "b")
    b = load_library("b")
    assert files(home) == ["libraries/b.json", f"libraries/liberty/{b.digest}.lib"]
    with pytest.raises(LibraryError, match="there is no library `a`"):
        remove_library("a")


def test_a_file_is_parsed_once_and_then_known_by_its_content(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.lib.gz"
    file.write_bytes(gzip.compress(tiny.library().encode()))
    first = load_library(str(file))
    assert first.name == "mine"
    assert list_libraries() == boxed_libraries()
    with monkeypatch.context() as patch:
        patch.setattr("edarl.synthesis.registry.parse_liberty", lambda *_, **__: pytest.fail("no"))
        moved = file.rename(tmp_path / "moved.lib")
        again = load_library(moved)
    assert again == first
    assert again.name == "moved"
    (entry,) = (home / "libraries" / "files").iterdir()
    entry.write_text("damaged")
    assert load_library(moved) == first


def test_notes_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a.lib").write_text(tiny.library())
    add_library("a", [tmp_path / "a.lib"], notes={"package": "p"})
    assert load_library("a").notes == {"package": "p"}


@pytest.mark.parametrize(
    "name", ["", "default", "a/b", "../a", ".a", "a.lib", "b.LIB.gz", "a" * 65]
)
def test_unusable_names_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.lib").write_text(tiny.library())
    with pytest.raises(LibraryError, match="a library's name should be"):
        add_library(name, [tmp_path / "a.lib"])


def test_unknown_libraries_say_what_to_do(tmp_path: Path) -> None:
    make(tmp_path, name="mylib")
    with pytest.raises(LibraryError, match=r"no library `myllib`; did you mean mylib\? \(there"):
        load_library("myllib")
    with pytest.raises(LibraryError, match=r"run `edarl library add zzz FILE\.\.\.`"):
        load_library("zzz")
    with pytest.raises(LibraryError, match=r"there is no Liberty file gone/away\.lib"):
        load_library("gone/away.lib")
    with pytest.raises(LibraryError, match="there is no Liberty file"):
        load_library(tmp_path / "away.lib")


def test_a_library_that_edarl_can_install_says_so() -> None:
    with pytest.raises(LibraryError, match="osu018 is not installed; run `edarl library install"):
        load_library("osu018")


@pytest.mark.parametrize("name", PUBLIC_LIBRARIES)
def test_a_public_library_that_is_not_there_says_how_to_fetch_it(name: str) -> None:
    with pytest.raises(LibraryError, match=f"is not installed; run `edarl library fetch {name}`"):
        load_library(name)


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "head", "text", "format", "folder"])
def test_a_damaged_entry_is_an_error_that_says_how_to_add_it_again(
    tmp_path: Path, home: Path, damage: str
) -> None:
    make(tmp_path)
    entry = home / "libraries" / "tiny.json"
    head, body = entry.read_text().splitlines()
    changed = {
        "cut": f"{head}\n{body[:-20]}\n",
        "flip": f"{head}\n{body.replace('1.0', '1.5', 1)}\n",
        "empty": "",
        "head": f"{{}}\n{body}\n",
        "text": "hello",
        "format": json.dumps({**json.loads(head), "edarl_library": 0}) + f"\n{body}\n",
    }
    if damage == "folder":
        entry.unlink()
        entry.mkdir()
    else:
        entry.write_text(changed[damage])
    with pytest.raises(
        LibraryError, match=r"`edarl library add tiny FILE\.\.\.` with its Liberty files"
    ):
        load_library("tiny")


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_liberty_copy_is_an_error_that_says_how_to_add_it_again(
    tmp_path: Path, damage: str
) -> None:
    library = make(tmp_path)
    if damage == "missing":
        library.liberty_path.unlink()
    else:
        library.liberty_path.write_text(library.liberty_path.read_text().replace("0.02", "0.03", 1))
    with pytest.raises(LibraryError, match="run `edarl library add tiny"):
        load_library("tiny")
    make(tmp_path)
    assert load_library("tiny") == library


def test_a_full_disk_is_a_clear_error_and_leaves_nothing_behind(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edarl.synthesis.registry.os.fsync", full)
    with pytest.raises(LibraryError, match="cannot be written: No space left on device"):
        make(tmp_path)
    assert files(home) == []


def test_a_home_that_cannot_hold_libraries_is_a_clear_error(tmp_path: Path, home: Path) -> None:
    home.mkdir()
    (home / "libraries").write_text("in the way")
    assert list_libraries() == boxed_libraries()
    with pytest.raises(LibraryError, match="cannot be written"):
        make(tmp_path)
