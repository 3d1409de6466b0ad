"""The known designs that come with edarl: sound, proven, reproduced, and left alone."""

import json
import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest

from edarl.errors import StoreError
from edarl.metrics import Evaluation, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import REGULAR, structure
from edarl.store import FrontPoint, Store, known_circuits
from edarl.store import known as known_module
from edarl.store.known import (
    known_designs,
    known_store,
    pack_known,
    regular_points,
    shortened,
)
from edarl.synthesis.abc import AbcSession
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.confirm import time_verilog
from edarl.synthesis.library import load_library
from edarl.synthesis.prove import prove_many
from edarl.synthesis.timing.evaluator import FastEvaluator

SHIPPED = Path(known_module.__file__).with_name("shipped")
WIDEST = 64
SAMPLE = 12


@pytest.fixture(scope="module")
def known(edarl_home: Path) -> Iterator[Store]:
    with known_store() as store:
        yield store


@pytest.fixture(scope="module")
def library(sky130: str) -> CellLibrary:
    return load_library(sky130)


def fronts(known: Store, library: CellLibrary) -> dict[Circuit, list[FrontPoint]]:
    constraint = library.constraint()
    return {
        circuit: known.front(circuit, library.digest, constraint)
        for circuit in known_circuits(known, "adder")
    }


def test_every_width_can_be_answered(known: Store, library: CellLibrary) -> None:
    having = fronts(known, library)
    assert {4, 8, 16, 32, 64} <= {circuit.width for circuit in having}
    assert all(len(front) >= 3 for front in having.values())
    for width in range(4, WIDEST + 1):
        circuit = Circuit("adder", width)
        designs = known_designs(known, circuit, 20)
        assert 3 <= len(designs) <= 20
        assert all(design.circuit == circuit for design in designs)


def test_a_sample_is_proven_and_its_figures_are_those_that_are_stored(
    known: Store, library: CellLibrary
) -> None:
    # Two of each of six circuits, among them the widest, from the fast and the small end.
    having = [(circuit, front) for circuit, front in fronts(known, library).items() if front]
    step = (len(having) - 1) / (SAMPLE // 2 - 1)
    seen = 0
    with AbcSession(library, library.constraint()) as session:
        for circuit, front in (having[round(step * k)] for k in range(SAMPLE // 2)):
            chosen = [front[len(front) // 4], front[-2]]
            texts = [known.netlist(found.netlist_sha256) for found in chosen]
            proofs = prove_many(texts, circuit, library=library)
            for found, text, proof in zip(chosen, texts, proofs, strict=True):
                assert proof.proven, proof.reason
                assert proof.sha256 == found.netlist_sha256
                assert known.proof(found.netlist_sha256)["verdict"] == "proven"
                timed = time_verilog(text, session)
                assert (timed.delay_ps, timed.area_um2) == (found.delay_ps, found.area_um2)
                seen += 1
    assert seen == SAMPLE


def test_a_sample_is_sized_as_when_it_was_stored(known: Store, library: CellLibrary) -> None:
    circuits = known_circuits(known, "adder")
    constraint = library.constraint()
    seen = 0
    for circuit in (circuits[0], circuits[len(circuits) // 2]):
        regular = [Design.of(structure(name, circuit.leaves), circuit, mode)
                   for name in REGULAR for mode in ("xor", "or")]  # fmt: skip
        points = regular_points(known, circuit, library.digest, constraint)
        sized = [point for point in points if point.flow == "sized"]
        for point in sized[:: max(1, len(sized) // 3)]:
            evaluator = FastEvaluator(
                library, constraint, flow=point.flow, targets_ps=(point.target_ps,)
            )
            again = [entry.points[0] for entry in evaluator.evaluate(regular)]
            assert any(
                entry.area_um2 == pytest.approx(point.area_um2, abs=0.01)  # ABC prints two
                and entry.delay_ps == pytest.approx(point.delay_ps, abs=0.02)  # decimals
                for entry in again
            )
            seen += 1
    assert seen >= 5


def test_no_regular_structure_that_was_sized_is_better(known: Store, library: CellLibrary) -> None:
    constraint = library.constraint()
    for circuit, front in fronts(known, library).items():
        for point in regular_points(known, circuit, library.digest, constraint):
            meeting = [
                found.area_um2 for found in front if found.delay_ps <= 1.002 * point.delay_ps
            ]
            assert min(meeting) <= point.area_um2 + 0.005


def test_the_store_is_sound_and_cannot_be_written(known: Store) -> None:
    before = known.path.read_bytes()
    assert known.check() == []
    with pytest.raises(StoreError, match="opened read-only"):
        known.start_run("anneal", config={}, seed=0)
    assert known.path.read_bytes() == before
    assert [path.name for path in known.path.parent.iterdir()] == [known.path.name]
    assert not known.path.stat().st_mode & 0o222


def test_what_ships_is_small() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 3_000_000
    assert {path.name for path in SHIPPED.iterdir()} == {"adders.db.xz", "adders.json"}


def test_a_damaged_copy_is_replaced() -> None:
    with known_store() as store:
        path, sound = store.path, store.path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(sound[: len(sound) // 2] + b"\0" + sound[len(sound) // 2 + 1 :])
    with known_store() as store:
        assert store.path.read_bytes() == sound


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda packed, _: packed.unlink(), "cannot read the known designs .*install edarl again"),
        (
            lambda packed, _: packed.write_bytes(packed.read_bytes()[:-1000]),
            "known designs .* should unpack to .*install edarl again",
        ),
        (
            lambda packed, _: packed.write_bytes(b"no archive"),
            "cannot read the known designs .*install edarl again",
        ),
        (
            lambda packed, _: packed.write_bytes(lzma.compress(b"something else")),
            "known designs .* should unpack to .*install edarl again",
        ),
        (lambda _, manifest: manifest.unlink(), "manifest .*install edarl again"),
        (lambda _, manifest: manifest.write_text("[]"), "manifest .*install edarl again"),
        (
            lambda _, manifest: manifest.write_text('{"sha256": "12", "bytes": 5}'),
            "manifest .* should hold a sha256 and a size.*install edarl again",
        ),
    ],
    ids=["missing", "cut", "no archive", "other content", "no manifest", "no object", "no digest"],
)
def test_damage_is_said_with_what_to_do(
    damage: object, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDARL_HOME", str(tmp_path / "home"))
    folder = tmp_path / "shipped"
    folder.mkdir()
    for path in SHIPPED.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    assert callable(damage)
    damage(folder / "adders.db.xz", folder / "adders.json")
    with pytest.raises(StoreError, match=said):
        known_store(folder)
    assert not list((tmp_path / "home").rglob("*.db"))


def test_what_is_packed_comes_out_again(tmp_path: Path, library: CellLibrary) -> None:
    circuit = Circuit("adder", 8)
    design = Design.of(structure("sklansky", 8), circuit)
    point = Point(500.0, 501.0, 60.0, "sized")
    with Store.open(tmp_path / "mine.db") as store:
        run = store.start_run("structures", config={}, seed=0)
        evaluation = Evaluation(design.digest, library.digest, library.constraint(), (point,))
        store.record_evaluations([(design, evaluation)], library_name="sky130", run=run)
        manifest = pack_known(store, tmp_path / "shipped")
    assert manifest == json.loads((tmp_path / "shipped" / "adders.json").read_text())
    assert manifest["rows"] == {"designs": 1, "libraries": 1, "runs": 1, "evaluations": 1}
    with known_store(tmp_path / "shipped") as packed:
        assert known_circuits(packed, "adder") == [circuit]
        assert regular_points(packed, circuit, library.digest, library.constraint()) == [point]
        assert known_designs(packed, circuit, 5) == [design]
        narrower = Circuit("adder", 5, carry_in=True)
        (given,) = known_designs(packed, narrower, 5)
        assert given == Design.of(shortened(design.graph, 6), narrower)
        assert known_designs(packed, Circuit("adder", 9), 5) == []
        assert known_designs(packed, Circuit("incrementer", 8), 5) == []


@pytest.mark.parametrize("width", [2, 5, 8, 13])
def test_a_graph_without_its_top_bits_is_what_is_left(width: int) -> None:
    whole = PrefixGraph.from_text("13:3.2 7.6 9.4 11.8 12.10")
    graph = shortened(whole, width)
    assert graph.width == width
    assert set(graph.nodes()) == {node for node in whole.nodes() if node.msb < width}
    assert PrefixGraph.from_text(graph.text) == graph
    for name in ("ripple", "sklansky", "kogge_stone"):
        assert shortened(structure(name, 16), width) == structure(name, width)
