"""``edarl front``: what the store knows of a circuit, beside its baselines."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from edarl.cli.output import ExitCode
from edarl.prefix.structures import REGULAR
from edarl.store import Store, import_store
from tests.cli.conftest import NEW_GRAPH, Run
from tests.postgres import postgres_server


def without_places(text: str, store: Path) -> str:
    """Take out what every store has anew, its path and the ids of its runs, and the gain.

    The gain is over the baselines of all flows, which change with every better sizer.
    """
    text = re.sub(r"(over the regular ones) -?\d+\.\d+", r"\1 GAIN", text)
    return re.sub(r"  [0-9a-f]{8}  ", "  (run)     ", text.replace(str(store), "STORE"))


def test_each_point_names_who_found_it_and_what_it_saves(
    edarl: Run, sky130: str, filled_store: Path
) -> None:
    said = edarl("front", "--width", 8, "--library", sky130, "--store", filled_store, "--json")
    assert said.code == ExitCode.DONE
    answer = said.json
    points = answer["points"]
    assert [point["delay_ps"] for point in points] == sorted(p["delay_ps"] for p in points)
    areas = [point["area_um2"] for point in points]
    assert areas == sorted(areas, reverse=True)
    assert {(point["found_by"], point["seed"]) for point in points} == {("anneal", 7), ("agent", 3)}
    assert all(point["proven"] is True for point in points)
    new = [point for point in points if point["graph"] == NEW_GRAPH]
    assert new
    assert all(point["structure"] is None for point in new)
    assert {point["structure"] for point in points} <= {None, "brent_kung", "kogge_stone", "ripple"}
    for point in points:
        if point["regular_area_um2"] is not None:
            expected = 1 - point["area_um2"] / point["regular_area_um2"]
            assert point["saving"] == pytest.approx(expected)


def test_the_regular_baselines_are_those_of_the_same_library_and_constraint(
    edarl: Run, filled_store: Path
) -> None:
    answer = edarl("front", "--width", 8, "--store", filled_store, "--json").json
    regular = [entry for entry in answer["baselines"] if entry["kind"] == "regular"]
    assert {entry["name"] for entry in regular} <= set(REGULAR)
    ripple = next(entry for entry in regular if entry["name"] == "ripple")
    stored = [point for point in answer["points"] if point["structure"] == "ripple"]
    # What the store has of a regular structure came from one flow; measured now are all.
    assert stored
    for point in stored:
        assert any(
            own["delay_ps"] <= 1.002 * point["delay_ps"] and own["area_um2"] <= point["area_um2"]
            for own in ripple["points"]
        )
    (yosys,) = (entry for entry in answer["baselines"] if entry["kind"] == "yosys")
    assert all(point["flow"] == "yosys" for point in yosys["points"])
    assert 0 < answer["hypervolume"] < 1
    assert answer["gain"] is not None


def test_without_baselines_there_are_only_points(edarl: Run, filled_store: Path) -> None:
    said = edarl("front", "--width", 8, "--store", filled_store, "--no-baselines", "--json")
    answer = said.json
    assert answer["points"]
    assert answer["baselines"] == []
    assert answer["hypervolume"] is None
    assert all(point["saving"] is None for point in answer["points"])


def test_the_table_has_names_and_savings(
    edarl: Run, filled_store: Path, golden: Callable[[str, str], None]
) -> None:
    said = edarl("front", "--width", 8, "--store", filled_store)
    assert said.code == ExitCode.DONE
    golden("front.txt", without_places(said.out, filled_store))


def test_the_table_without_baselines(
    edarl: Run, filled_store: Path, golden: Callable[[str, str], None]
) -> None:
    said = edarl("front", "--width", 8, "--store", filled_store, "--no-baselines")
    golden("front_without_baselines.txt", without_places(said.out, filled_store))


def test_csv_and_picture_are_written(edarl: Run, filled_store: Path, tmp_path: Path) -> None:
    table, picture = tmp_path / "front.csv", tmp_path / "front.svg"
    said = edarl("front", "--width", 8, "--store", filled_store, "--csv", table, "--plot", picture,
                 "--json")  # fmt: skip
    assert said.json["files"] == {"csv": str(table), "plot": str(picture)}
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["series"] for row in rows} == {"front", "regular", "yosys a + b"}
    front = [row for row in rows if row["series"] == "front"]
    assert [float(row["delay_ps"]) for row in front] == [
        point["delay_ps"] for point in said.json["points"]
    ]
    drawn = picture.read_text()
    for text in ("8-bit adder", "proven front", "delay [ps], pre-layout", "cell area [µm²]"):
        assert text in drawn


@pytest.mark.parametrize("exists", [True, False])
def test_an_empty_store_is_a_no_that_says_what_to_do(
    exists: bool, edarl: Run, filled_store: Path, tmp_path: Path
) -> None:
    store = filled_store if exists else tmp_path / "none.db"
    said = edarl("front", "--width", 9, "--store", store)
    assert said.code == ExitCode.NO
    assert "no proven design of a 9-bit adder on sky130" in said.out
    assert "edarl search --circuit adder --width 9 --library sky130" in said.out
    assert ("does not exist yet" in said.out) is not exists
    assert not (tmp_path / "none.db").exists()
    said = edarl("front", "--width", 9, "--store", store, "--json")
    assert said.code == ExitCode.NO
    assert said.json["points"] == []
    assert said.json["baselines"] == []


def test_designs_under_another_constraint_are_not_mixed_in(edarl: Run, filled_store: Path) -> None:
    said = edarl("front", "--width", 8, "--store", filled_store, "--load-ff", 10, "--json")
    assert said.code == ExitCode.NO
    assert said.json["load_ff"] == 10.0
    assert said.json["points"] == []


def test_the_store_may_be_on_a_server(edarl: Run, filled_store: Path) -> None:
    asked = ("front", "--width", 8, "--json", "--store")
    with postgres_server() as server:
        url = server.new_url()
        with Store.open(url) as there, Store.open(filled_store, read_only=True) as here:
            import_store(there, here)
        said = edarl(*asked, url).json
    assert said["points"] == edarl(*asked, filled_store).json["points"]
