"""Delay tables as arrays: what Liberty says is what a lookup finds."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import LibraryError
from edarl.hdl.netlist import FUNCTIONS
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.library import load_library
from edarl.synthesis.timing import tables as tables_module
from edarl.synthesis.timing.archive import read_arrays, write_arrays
from edarl.synthesis.timing.grids import interpolation_weights, resampled, union
from edarl.synthesis.timing.tables import Tables, TimingLibrary, timing_library
from tests.synthesis import tiny

RISE, FALL = 0, 1
DELAY, SLEW = 0, 1
CONSTANT = 'values ("0.5");'


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for each test, and nothing remembered from the test before."""
    monkeypatch.setenv("EDARL_HOME", str(tmp_path / "home"))
    forget()
    return tmp_path / "home"


def forget() -> None:
    """Forget what this process has loaded; files stay."""
    tables_module._loaded.cache_clear()


def make(tmp_path: Path, *cells: str, without: str = "", head: str = "") -> CellLibrary:
    """A library of the usual tiny cells and some more."""
    usual = [tiny.cell(gate, *tiny.GATES[gate]) for gate in tiny.GATES if gate != without]
    file = tmp_path / "tiny.lib"
    file.write_text(tiny.library([*usual, *cells], head=head))
    return load_library(file)


def inverter(name: str, timing: str, *, pin: str = "capacitance : 0.002;", out: str = "") -> str:
    """An inverter of area 9 with the given timing groups."""
    return (
        f"cell ({name}) {{ area : 9;\n  pin (A) {{ direction : input; {pin} }}\n"
        f'  pin (Y) {{ direction : output; function : "!A"; {out}\n{timing} }} }}\n'
    )


def timing(
    tables: dict[str, str],
    *,
    template: str = "grid",
    sense: str = "timing_sense : negative_unate;",
    more: str = "",
) -> str:
    """A timing group from A; ``rise_transition`` and so on default to a constant."""
    names = ("cell_rise", "cell_fall", "rise_transition", "fall_transition")
    groups = "\n".join(
        f"{name} ({template}) {{ {tables[name]} }}"
        if name in tables
        else f"{name} (scalar) {{ {CONSTANT} }}"
        for name in names
    )
    return f'timing () {{ related_pin : "A"; {sense} {more}\n{groups} }}'


def arcs(found: TimingLibrary, cell: str, pin: int = 0) -> list[int]:
    """The arcs of a cell's pin."""
    place = found.index[cell] * found.tables.cap.shape[1] + pin
    return list(range(*found.tables.arc_start[place : place + 2]))


def look_up(
    found: TimingLibrary, arc: int, cell: str, slew_ps: float, load_ff: float
) -> list[float]:
    """Delay and slew of an arc as a timer reads them: bilinear, linear beyond the axes."""
    tables, number = found.tables, found.index[cell]
    slews = tables.slew_axis[number, : tables.slew_count[number]]
    loads = tables.load_axis[number, : tables.load_count[number]]
    i = int(np.clip(np.searchsorted(slews, slew_ps) - 1, 0, slews.size - 2))
    j = int(np.clip(np.searchsorted(loads, load_ff) - 1, 0, loads.size - 2))
    u = (slew_ps - slews[i]) / (slews[i + 1] - slews[i])
    v = (load_ff - loads[j]) / (loads[j + 1] - loads[j])
    grid = tables.values[arc].astype(float)
    low = grid[i, j] * (1 - v) + grid[i, j + 1] * v
    high = grid[i + 1, j] * (1 - v) + grid[i + 1, j + 1] * v
    return list(low * (1 - u) + high * u)


def by_edges(found: TimingLibrary, cell: str, pin: int = 0) -> dict[tuple[int, int], list[int]]:
    """The arcs of a pin by input and output edge."""
    groups: dict[tuple[int, int], list[int]] = {}
    for arc in arcs(found, cell, pin):
        groups.setdefault(divmod(int(found.tables.arc_edges[arc]), 2), []).append(arc)
    return groups


# ---------------------------------------------------------------- real libraries


def test_nangate45_xor_has_an_arc_per_condition_with_the_numbers_of_its_text(
    nangate45: Path,
) -> None:
    found = timing_library(load_library(nangate45))
    number = found.index["XOR2_X1"]
    assert found.pins[number] == ("A", "B")
    assert found.outputs[number] == "Z"
    tables = found.tables
    assert tables.cap[number, :2].tolist() == [[2.232144, 2.181232], [2.363548, 2.411453]]
    assert tables.max_load[number] == pytest.approx(25.3296)
    assert tables.max_slew[number, :2].tolist() == pytest.approx([198.535, 198.535])
    assert tables.slew_axis[number, [0, -1]].tolist() == pytest.approx([1.17378, 198.535])
    assert tables.load_axis[number, [0, -1]].tolist() == pytest.approx([0.365616, 25.3296])
    edges = by_edges(found, "XOR2_X1")
    assert sorted(edges) == [(RISE, RISE), (RISE, FALL), (FALL, RISE), (FALL, FALL)]
    (rise,), (fall,) = edges[RISE, RISE], edges[FALL, FALL]
    assert tables.values[rise, 0, 0].tolist() == pytest.approx([37.026, 15.334])
    assert tables.values[rise, 6, 6].tolist() == pytest.approx([172.307, 129.168])
    assert tables.values[fall, 1, 2].tolist() == pytest.approx([47.912, 11.119])


def test_osu018_tables_are_turned_so_that_slews_are_rows(osu018: str, edarl_home: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDARL_HOME", str(edarl_home))
        found = timing_library(load_library(osu018))
    number = found.index["XOR2X1"]
    tables = found.tables
    slews, loads = tables.slew_axis[number, :5], tables.load_axis[number, :5]
    assert slews.tolist() == pytest.approx([60, 180, 420, 600, 1200])
    assert loads.tolist() == pytest.approx([5, 12.5, 25, 75, 150])
    (rise,) = by_edges(found, "XOR2X1")[FALL, RISE]
    assert tables.values[rise, 0, :3, DELAY].tolist() == pytest.approx([84.668, 97.915, 119.426])
    assert tables.values[rise, :3, 0, SLEW].tolist() == pytest.approx([52.475, 57.1, 53.443])
    assert set(found.library.serving["BUF"]) <= set(found.cells)


def test_sky130hd_times_every_candidate_and_leaves_out_what_may_not_be_used(
    sky130hd: Path,
) -> None:
    library = load_library(sky130hd)
    found = timing_library(library)
    assert set(found.cells) == library.cells.keys() - library.left_out().keys()
    pairs = by_edges(found, "sky130_fd_sc_hd__xor2_1")
    (rise,) = pairs[RISE, RISE]
    assert found.tables.values[rise, 0, 0].tolist() == pytest.approx([80.5268, 55.9991])
    number = found.index["sky130_fd_sc_hd__xor2_1"]
    assert found.tables.cap[number, 0].tolist() == pytest.approx([4.544, 4.21])


@pytest.mark.parametrize("name", ["nangate45", "sky130", "sky130hd"])
def test_a_real_librarys_arrays_are_whole(name: str, request: pytest.FixtureRequest) -> None:
    found = timing_library(load_library(request.getfixturevalue(name)))
    tables = found.tables
    count, pins = tables.max_slew.shape
    assert count == len(found.cells) == len(found.pins) == len(found.outputs)
    assert [found.index[cell] for cell in found.cells] == list(range(count))
    assert tables.arc_start.shape == (count * pins + 1,)
    assert tables.arc_start[0] == 0
    assert tables.arc_start[-1] == len(tables.arc_edges) == len(tables.values)
    assert np.isfinite(tables.values).all()
    assert min(tables.slew_count.min(), tables.load_count.min()) >= 2
    for number, cell in enumerate(found.cells):
        inputs = tables.inputs[number]
        assert inputs == len(found.pins[number]) == len(found.library.cells[cell].inputs)
        assert (tables.cap[number, :inputs] > 0).all()
        assert (tables.cap[number, inputs:] == 0).all()
        slews = tables.slew_axis[number]
        assert np.isfinite(slews).sum() == tables.slew_count[number]
        assert (np.diff(slews[: tables.slew_count[number]]) > 0).all()
        for pin in range(pins):
            ends = {out for _, out in by_edges(found, cell, pin)}
            assert ends == ({RISE, FALL} if pin < inputs else set())
    for number, function in enumerate(FUNCTIONS):
        family = found.families[number]
        assert family
        assert (tables.function[list(family)] == number).all()
        assert {found.cells[c] for c in family} <= set(found.library.serving[function])
        assert sorted(tables.area[list(family)]) == tables.area[list(family)].tolist()


# ---------------------------------------------------------------- shapes of tables


def test_pins_follow_the_gate_function_not_the_file(tmp_path: Path) -> None:
    found = timing_library(make(tmp_path))
    assert found.pins[found.index["AOIT"]] == ("A", "B", "C")
    delays = [found.tables.values[arcs(found, "AOIT", pin)[0], 0, 0, DELAY] for pin in range(3)]
    assert delays == pytest.approx([30.0, 40.0, 20.0])  # the file has C, the fastest, first


def test_a_table_of_one_variable_is_constant_along_the_other(tmp_path: Path) -> None:
    head = (
        'lu_table_template (slope) { variable_1 : input_transition_time; index_1 ("0.1, 0.3"); }\n'
        "lu_table_template (drive) { variable_1 : total_output_net_capacitance; "
        'index_1 ("0.01, 0.02"); }\n'
    )
    cells = [
        inverter("BYSLEW", timing({"cell_rise": 'values ("1.0, 2.0");'}, template="slope")),
        inverter("BYLOAD", timing({"cell_rise": 'values ("1.0", "2.0");'}, template="drive")),
    ]
    found = timing_library(make(tmp_path, *cells, head=head))
    for cell, slew_slope, load_slope in (("BYSLEW", 5.0, 0.0), ("BYLOAD", 0.0, 100.0)):
        (arc,) = by_edges(found, cell)[FALL, RISE]
        base = look_up(found, arc, cell, 100.0, 10.0)[DELAY]
        assert base == pytest.approx(1000.0)
        for slew, load in ((100.0, 10.0), (250.0, 10.0), (100.0, 40.0), (900.0, 1.0), (0.0, 15.0)):
            expected = base + slew_slope * (slew - 100.0) + load_slope * (load - 10.0)
            assert look_up(found, arc, cell, slew, load) == pytest.approx([expected, 500.0])


def test_scalar_tables_are_constant_everywhere(tmp_path: Path) -> None:
    found = timing_library(make(tmp_path, inverter("FLAT", timing({}))))
    number = found.index["FLAT"]
    assert found.tables.slew_count[number] == found.tables.load_count[number] == 2
    for arc in arcs(found, "FLAT"):
        for slew, load in ((0.0, 0.0), (0.5, 0.5), (700.0, 12.0)):
            assert look_up(found, arc, "FLAT", slew, load) == pytest.approx([500.0, 500.0])


def test_swapped_axes_give_the_same_table(tmp_path: Path) -> None:
    head = (
        "lu_table_template (swapped) { variable_1 : total_output_net_capacitance; "
        'variable_2 : input_net_transition; index_1 ("9, 10"); index_2 ("9, 10, 11"); }\n'
        "lu_table_template (usual) { variable_1 : input_net_transition; "
        'variable_2 : total_output_net_capacitance; index_1 ("9, 10, 11"); index_2 ("9, 10"); }\n'
    )
    axes = {"slew": '"0.1, 0.2, 0.4"', "load": '"0.01, 0.03"'}
    usual = f'index_1 ({axes["slew"]}); index_2 ({axes["load"]}); values ("1, 2", "3, 5", "4, 9");'
    swapped = f'index_1 ({axes["load"]}); index_2 ({axes["slew"]}); values ("1, 3, 4", "2, 5, 9");'
    cells = [
        inverter("USUAL", timing({"cell_rise": usual, "cell_fall": usual}, template="usual")),
        inverter(
            "TURNED", timing({"cell_rise": swapped, "cell_fall": swapped}, template="swapped")
        ),
    ]
    found = timing_library(make(tmp_path, *cells, head=head))
    tables, numbers = found.tables, [found.index[cell] for cell in ("USUAL", "TURNED")]
    assert tables.slew_axis[numbers, :3].tolist() == [[100.0, 200.0, 400.0]] * 2
    assert tables.load_axis[numbers, :2].tolist() == [[10.0, 30.0]] * 2
    rows = [[1000.0, 2000.0], [3000.0, 5000.0], [4000.0, 9000.0]]
    for cell in ("USUAL", "TURNED"):
        for arc in arcs(found, cell):
            assert tables.values[arc, :3, :2, DELAY].tolist() == rows


def test_tables_with_unequal_axes_keep_what_each_of_them_says(tmp_path: Path) -> None:
    delay = 'index_1 ("0.1, 0.2"); index_2 ("0.01, 0.03"); values ("1, 2", "3, 5");'
    slew = 'index_1 ("0.05, 0.15, 0.4"); index_2 ("0.02, 0.03"); values ("1, 2", "3, 4", "7, 6");'
    both = {
        "cell_rise": delay,
        "cell_fall": delay,
        "rise_transition": slew,
        "fall_transition": slew,
    }
    found = timing_library(make(tmp_path, inverter("MIXED", timing(both))))
    number = found.index["MIXED"]
    assert found.tables.slew_axis[number].tolist()[:5] == pytest.approx([50, 100, 150, 200, 400])
    assert found.tables.load_axis[number].tolist()[:3] == pytest.approx([10, 20, 30])
    (arc,) = by_edges(found, "MIXED")[FALL, RISE]
    assert look_up(found, arc, "MIXED", 150.0, 20.0) == pytest.approx([2750.0, 3000.0])
    # Beyond the axes: delay by its last slew segment from (3, 5), slew by its own from (7, 6).
    assert look_up(found, arc, "MIXED", 500.0, 30.0) == pytest.approx([14000.0, 6800.0])


AXIS = st.lists(st.integers(1, 4000), min_size=0, max_size=6, unique=True).map(
    lambda points: np.array(sorted(points), float)
)


@given(st.data(), AXIS, AXIS, AXIS, AXIS)
def test_resampling_onto_a_union_of_axes_changes_no_lookup(
    data: st.DataObject,
    slews: np.ndarray,
    loads: np.ndarray,
    other_slews: np.ndarray,
    other_loads: np.ndarray,
) -> None:
    shape = (max(slews.size, 1), max(loads.size, 1))
    numbers = st.lists(st.integers(-500, 500), min_size=shape[0] * shape[1])
    values = np.array(data.draw(numbers)[: shape[0] * shape[1]], float).reshape(shape)
    new_slews, new_loads = union([slews, other_slews]), union([other_loads, loads])
    fine = resampled(values, slews, loads, new_slews, new_loads)
    points = np.array(data.draw(st.lists(st.floats(-2000, 9000), min_size=1, max_size=5)))
    before = interpolation_weights(slews, points) @ values @ interpolation_weights(loads, points).T
    after = (
        interpolation_weights(new_slews, points) @ fine @ interpolation_weights(new_loads, points).T
    )
    scale = 1.0 + np.abs(before).max() + np.abs(fine).max()
    # The grid's shortest segment may magnify rounding by its distance to the point.
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-8 * scale)
    at_old = np.ix_(np.isin(new_slews, slews), np.isin(new_loads, loads))
    if slews.size and loads.size:
        assert np.array_equal(fine[at_old], values)


def test_a_breakpoint_written_with_fewer_digits_is_the_same_breakpoint() -> None:
    merged = union([np.array([0.02305058, 1.5]), np.array([0.0230506, 1.51])])
    assert merged.tolist() == [0.02305058, 1.5, 1.51]


# ---------------------------------------------------------------- arcs


@pytest.mark.parametrize(
    ("sense", "function", "expected"),
    [
        ("timing_sense : negative_unate;", "!A", [(FALL, RISE), (RISE, FALL)]),
        ("timing_sense : positive_unate;", "!A", [(RISE, RISE), (FALL, FALL)]),
        (
            "timing_sense : non_unate;",
            "!A",
            [(FALL, RISE), (RISE, RISE), (FALL, FALL), (RISE, FALL)],
        ),
        ("", "!A", [(FALL, RISE), (RISE, FALL)]),
        ("", "A", [(RISE, RISE), (FALL, FALL)]),
    ],
)
def test_edges_follow_the_timing_sense_and_without_it_the_function(
    tmp_path: Path, sense: str, function: str, expected: list[tuple[int, int]]
) -> None:
    text = inverter("ODD", timing({"cell_rise": 'values ("1,1","1,1");'}, sense=sense))
    found = timing_library(make(tmp_path, text.replace('"!A"', f'"{function}"')))
    pairs = by_edges(found, "ODD")
    assert sorted(pairs) == sorted(expected)
    for (_, out), (arc,) in pairs.items():
        delay = look_up(found, arc, "ODD", 50.0, 50.0)[DELAY]
        assert delay == pytest.approx(1000.0 if out == RISE else 500.0)


def test_an_unsensed_xor_goes_both_ways(tmp_path: Path) -> None:
    exclusive = tiny.cell("XORU", "A B", "A ^ B").replace("timing_sense : non_unate;", "")
    found = timing_library(make(tmp_path, exclusive))
    assert len(by_edges(found, "XORU", 1)) == 4


def test_conditional_arcs_stay_apart_and_equal_ones_become_one(tmp_path: Path) -> None:
    groups = [
        timing({}, more='when : "B";'),
        timing({"cell_rise": 'values ("1,1","1,1");'}, more='when : "!B";'),
        timing({}),
    ]
    found = timing_library(make(tmp_path, inverter("COND", "\n".join(groups))))
    pairs = by_edges(found, "COND")
    rises = [look_up(found, arc, "COND", 9.0, 9.0)[DELAY] for arc in pairs[FALL, RISE]]
    assert rises == pytest.approx([500.0, 1000.0])
    assert len(pairs[RISE, FALL]) == 1


def test_one_edged_timing_types_make_arcs_of_that_edge(tmp_path: Path) -> None:
    rise = timing({}, more="timing_type : combinational_rise;")
    fall = timing({"cell_fall": 'values ("1,1","1,1");'}, more="timing_type : combinational_fall;")
    found = timing_library(make(tmp_path, inverter("HALVES", f"{rise}\n{fall}")))
    pairs = by_edges(found, "HALVES")
    assert sorted(pairs) == [(RISE, FALL), (FALL, RISE)]
    (arc,) = pairs[RISE, FALL]
    assert look_up(found, arc, "HALVES", 9.0, 9.0) == pytest.approx([1000.0, 500.0])


def test_capacitances_and_limits_default_as_in_liberty(tmp_path: Path) -> None:
    edges = "capacitance : 0.002; rise_capacitance : 0.003; max_transition : 0.7;"
    cells = [
        inverter("EDGED", timing({}), pin=edges, out="max_capacitance : 0.25;"),
        inverter("PLAIN", timing({})),
    ]
    head = "default_max_transition : 1.5; default_max_capacitance : 0.4;\n"
    found = timing_library(make(tmp_path, *cells, head=head))
    tables, edged, plain = found.tables, found.index["EDGED"], found.index["PLAIN"]
    assert tables.cap[[edged, plain], 0].tolist() == [[3.0, 2.0], [2.0, 2.0]]
    assert tables.max_load[[edged, plain]].tolist() == [250.0, 400.0]
    assert tables.max_slew[[edged, plain], 0].tolist() == [700.0, 1500.0]
    forget()
    (tmp_path / "none").mkdir()
    unlimited = timing_library(make(tmp_path / "none", inverter("PLAIN", timing({}))))
    plain = unlimited.index["PLAIN"]
    assert unlimited.tables.max_load[plain] == unlimited.tables.max_slew[plain, 0] == np.inf


# ---------------------------------------------------------------- families


def test_families_leave_out_cells_that_another_beats_in_everything(tmp_path: Path) -> None:
    twin = tiny.cell("INVTWIN", "A", "!A")
    worse = tiny.cell("INVBIG", "A", "!A", area=2.0)
    faster = worse.replace("INVBIG", "INVFAST").replace("0.02, 0.07", "0.01, 0.05")
    barred = faster.replace("INVFAST", "INVBAR").replace("area", "dont_use : true; area")
    found = timing_library(make(tmp_path, twin, worse, faster, barred))
    (family, *_) = ([found.cells[c] for c in ids] for ids in found.families)
    assert family == ["INVT", "INVFAST"]
    assert {"INVTWIN", "INVBIG"} < found.index.keys()
    assert "INVBAR" not in found.index


def test_families_keep_a_cell_for_a_lower_capacitance_or_a_higher_limit(tmp_path: Path) -> None:
    light = tiny.cell("INVLIGHT", "A", "!A", area=2.0).replace(": 0.002;", ": 0.001;")
    strong = tiny.cell("INVSTRONG", "A", "!A", area=3.0).replace(": 0.5;", ": 0.9;")
    found = timing_library(make(tmp_path, light, strong))
    assert [found.cells[c] for c in found.families[0]] == ["INVT", "INVLIGHT", "INVSTRONG"]


# ---------------------------------------------------------------- kept files


def kept_file(home: Path, library: CellLibrary) -> Path:
    return home / "libraries" / "timing" / f"{library.digest}.npz"


def same(one: Tables, other: Tables) -> bool:
    return all(
        left.dtype == right.dtype and np.array_equal(left, right)
        for left, right in zip(one, other, strict=True)
    )


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(library: CellLibrary) -> None:
        raise AssertionError("the Liberty text is read")

    monkeypatch.setattr(tables_module, "read_timing", read)


def test_the_second_load_reads_no_liberty_text(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = make(tmp_path)
    first = timing_library(library)
    assert timing_library(library) is first
    forget()
    forbid_reading(monkeypatch)
    second = timing_library(library)
    assert second is not first
    assert second.cells == first.cells
    assert (second.pins, second.outputs) == (first.pins, first.outputs)
    assert second.families == first.families
    assert same(first.tables, second.tables)
    assert [path.name for path in kept_file(home, library).parent.iterdir()] == [
        f"{library.digest}.npz"
    ]


def test_a_kept_file_is_an_ordinary_npz_without_objects(tmp_path: Path, home: Path) -> None:
    library = make(tmp_path)
    found = timing_library(library)
    with np.load(kept_file(home, library), allow_pickle=False) as arrays:
        assert sorted(arrays.files) == sorted(("cells", *Tables._fields))
        assert arrays["cells"].tolist() == list(found.cells)


@pytest.mark.parametrize("damage", ["byte", "cut", "empty", "text", "folder"])
def test_a_damaged_file_is_made_again(tmp_path: Path, home: Path, damage: str) -> None:
    library = make(tmp_path)
    first = timing_library(library)
    path = kept_file(home, library)
    intact = path.read_bytes()
    middle = len(intact) // 2
    if damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(
            {
                "byte": intact[:middle] + bytes([intact[middle] ^ 1]) + intact[middle + 1 :],
                "cut": intact[:middle],
                "empty": b"",
                "text": b"not an archive\n" * 50,
            }[damage]
        )
    forget()
    assert same(timing_library(library).tables, first.tables)
    assert path.is_dir() if damage == "folder" else path.read_bytes() == intact


def test_a_file_of_another_format_is_made_again(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = make(tmp_path)
    timing_library(library)
    before = kept_file(home, library).read_bytes()
    monkeypatch.setattr(tables_module, "_FORMAT", "edarl timing tables 0")
    forget()
    timing_library(library)
    assert kept_file(home, library).read_bytes() != before


def test_a_home_that_cannot_be_written_to_does_no_harm(tmp_path: Path, home: Path) -> None:
    library = make(tmp_path)
    (home / "libraries" / "timing").write_text("in the way")
    assert "INVT" in timing_library(library).index


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_any_changed_byte_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, position: int, change: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "arrays.npz"
    write_arrays(path, {"one": np.arange(3)}, format_name="numbers 1")
    raw = bytearray(path.read_bytes())
    raw[position % len(raw)] ^= change
    path.write_bytes(raw)
    assert read_arrays(path, format_name="numbers 1") is None


# ---------------------------------------------------------------- errors


def error_of(library: CellLibrary) -> str:
    with pytest.raises(LibraryError) as caught:
        timing_library(library)
    return str(caught.value)


def test_a_cell_without_tables_is_left_out_while_its_function_has_another(tmp_path: Path) -> None:
    bare = inverter("BARE", "")
    found = timing_library(make(tmp_path, bare))
    assert "BARE" not in found.index
    assert [found.cells[c] for c in found.families[0]] == ["INVT"]


def test_the_error_names_every_cell_of_a_function_that_has_no_timed_one(
    tmp_path: Path, home: Path
) -> None:
    cells = [
        inverter("BARE", ""),
        inverter("RISES", timing({}, more="timing_type : combinational_rise;")),
        inverter("CLOCKED", timing({}, more="timing_type : rising_edge;")),
        inverter("LOST", timing({}).replace('"A"', '"Q"')),
        inverter("NOTEMPLATE", timing({"cell_rise": CONSTANT}, template="nowhere")),
    ]
    library = make(tmp_path, *cells, without="INVT")
    message = error_of(library)
    assert message.startswith(
        "library tiny: expected delay tables for at least one cell of every gate function, found "
        "none for\n  INV: "
    )
    assert message.endswith(
        "\nadd a Liberty file with complete tables (cell_rise, cell_fall, rise_transition, "
        "fall_transition)"
    )
    for words in (
        "BARE: no delay table from input A to a rise and fall of Y",
        "RISES: no delay table from input A to a fall of Y",
        "CLOCKED: `timing_type` rising_edge is not that of a gate",
        "LOST: `related_pin` Q is no input",
        "NOTEMPLATE: cell_rise from input A has no template `nowhere`",
    ):
        assert words in message
    assert "NAND2" not in message
    assert not kept_file(home, library).exists()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            'index_1 ("0.2, 0.1"); values ("1,1","1,1");',
            "cell_rise from input A: index_1 does not rise strictly",
        ),
        (
            'index_2 ("0.1, 0.1"); values ("1,1","1,1");',
            "cell_rise from input A: index_2 does not rise strictly",
        ),
        ('values ("1,1","1");', "cell_rise from input A should have 4 values, actual number: 3"),
        ("", "cell_rise from input A should have 4 values, actual number: 0"),
        ('values ("1,1","1,x");', "cell_rise from input A: `x` is not a number"),
        ('values ("1,1","1,nan");', "cell_rise from input A: `nan` is not a number"),
        (
            'index_1 ("0.1, ?"); values ("1,1","1,1");',
            "cell_rise from input A: `?` is not a number",
        ),
    ],
)
def test_errors_say_what_is_wrong_with_a_table(tmp_path: Path, table: str, words: str) -> None:
    bad = inverter("BAD", timing({"cell_rise": table}))
    assert f"INV: BAD: {words}" in error_of(make(tmp_path, bad, without="INVT"))


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ("variable_1 : normalized_voltage;", "normalized_voltage"),
        (
            "variable_1 : input_net_transition; variable_2 : input_transition_time;",
            "input_net_transition, input_transition_time",
        ),
        (
            "variable_1 : input_net_transition; variable_2 : total_output_net_capacitance; "
            "variable_3 : related_out_total_output_net_capacitance;",
            "related_out_total_output_net_capacitance",
        ),
    ],
)
def test_errors_name_variables_that_are_not_slew_and_load(
    tmp_path: Path, variables: str, words: str
) -> None:
    axes = "".join(f'index_{place} ("1,2"); ' for place in (1, 2, 3))
    head = f"lu_table_template (odd) {{ {variables} {axes} }}\n"
    bad = inverter("BAD", timing({"cell_rise": 'values ("1,1");'}, template="odd"))
    message = error_of(make(tmp_path, bad, without="INVT", head=head))
    assert "BAD: cell_rise from input A depends on " in message
    assert f"{words}; expected input slew and output load" in message


def test_a_missing_transition_table_is_named(tmp_path: Path) -> None:
    half = timing({}).replace("fall_transition", "fall_guess")
    message = error_of(make(tmp_path, inverter("HALF", half), without="INVT"))
    assert "INV: HALF: no fall_transition table from input A" in message


def test_another_delay_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tiny.lib"
    file.write_text(tiny.library().replace("table_lookup", "polynomial"))
    assert error_of(load_library(file)) == (
        "library tiny: `delay_model` should be table_lookup, actual value: polynomial; gates are "
        "timed by delay tables only"
    )


def test_a_library_without_delay_model_is_read_by_its_tables(tmp_path: Path) -> None:
    file = tmp_path / "tiny.lib"
    file.write_text(tiny.library().replace("delay_model : table_lookup;", ""))
    assert "INVT" in timing_library(load_library(file)).index
