"""The store of designs, evaluations, runs, netlists and agents: one SQLite file."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from edarl.errors import StoreError
from edarl.metrics import TOLERANCE, Constraint, Evaluation, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.store import schema
from edarl.store.connection import add_missing, open_engine, reading, translated, writing
from edarl.store.records import (
    AgentRecord,
    FrontPoint,
    LibraryRef,
    RunRecord,
    RunStatus,
    design_from_row,
    design_row,
    evaluation_row,
    finite,
    from_json,
    non_dominated,
    now,
    pack,
    to_json,
    unpack,
)

__all__ = ["Store"]

_Row = TypeVar("_Row")


class Store:
    """A store that is open; a context manager that closes it.

    Every method that writes does so in one transaction: all of it is stored, or nothing. Several
    processes may write at the same time; a writer waits for the others up to half a minute.

    Raises:
        StoreError: By every method: the file is damaged, locked for too long, read-only, the disk
            is full, or a record refers to something that is not stored.
    """

    def __init__(self, path: Path, engine: Engine, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._engine = engine

    @classmethod
    def open(cls, path: str | Path, read_only: bool = False) -> Store:
        """Open a store, creating the file and its folder where it may be written and is missing.

        Args:
            path: The database file.
            read_only: Whether nothing may be written; the file must exist then.

        Raises:
            StoreError: It is no store, of a newer version, damaged, locked, or not accessible.
        """
        path = Path(path)
        return cls(path, open_engine(path, read_only=read_only), read_only=read_only)

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        with translated(self.path, "close"):
            self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---------------------------------------------------------------- runs

    def start_run(
        self,
        method: str,
        *,
        config: Mapping[str, Any],  # settings are JSON values
        seed: int,
        machine: str = "",
        versions: Mapping[str, str] | None = None,
    ) -> str:
        """Store that a run begins, and give its id."""
        run = uuid.uuid4().hex
        row = {
            "id": run,
            "method": method,
            "config": to_json(config, "config"),
            "seed": seed,
            "status": "running",
            "started": now(),
            "ended": None,
            "calls": 0,
            "cache_hits": 0,
            "machine": machine,
            "versions": to_json(versions or {}, "versions"),
        }
        with self.transaction() as connection:
            connection.execute(insert(schema.runs), row)
        return run

    def update_run(self, run: str, *, calls: int, cache_hits: int) -> None:
        """Store how far a run has come."""
        self._change_run(run, calls=calls, cache_hits=cache_hits)

    def finish_run(
        self, run: str, *, calls: int, cache_hits: int, status: RunStatus = "finished"
    ) -> None:
        """Store that a run ended, and how."""
        self._change_run(run, calls=calls, cache_hits=cache_hits, status=status, ended=now())

    def run(self, run: str) -> RunRecord:
        """Give a run."""
        with self.snapshot() as connection:
            query = select(schema.runs).where(schema.runs.c.id == run)
            row = connection.execute(query).mappings().first()
        if row is None:
            raise StoreError(f"the store {self.path} has no run {run!r}; `runs` lists those it has")
        return _run_record(row)

    def runs(self, limit: int = 100) -> list[RunRecord]:
        """Give the latest runs, newest first."""
        query = select(schema.runs).order_by(schema.runs.c.started.desc()).limit(limit)
        with self.snapshot() as connection:
            return [_run_record(row) for row in connection.execute(query).mappings()]

    def _change_run(self, run: str, **values: object) -> None:
        with self.transaction() as connection:
            statement = update(schema.runs).where(schema.runs.c.id == run).values(**values)
            if connection.execute(statement).rowcount != 1:
                raise StoreError(f"the store {self.path} has no run {run!r}; start it first")

    # ---------------------------------------------------------------- results

    def record_evaluations(
        self,
        results: Iterable[tuple[Design, Evaluation]],
        *,
        library_name: str,
        run: str | None = None,
    ) -> int:
        """Store evaluations from inside a search, failures included; give how many were new.

        A result that is stored already stays as it was.
        """
        found_designs: dict[str, dict[str, object]] = {}
        found_libraries: dict[str, dict[str, object]] = {}
        rows: list[dict[str, object]] = []
        for design, evaluation in results:
            row = design_row(design)
            if evaluation.design != row["digest"]:
                raise StoreError(
                    f"an evaluation should be stored with its own design {evaluation.design}, "
                    f"actual design: {row['digest']}"
                )
            found_designs[evaluation.design] = row
            found_libraries[evaluation.library] = {
                "digest": evaluation.library,
                "name": library_name,
            }
            outcomes: list[Point | None] = [None] if evaluation.failed else [*evaluation.points]
            rows += [
                evaluation_row(
                    evaluation.design,
                    evaluation.library,
                    evaluation.constraint,
                    point=point,
                    tier="search",
                    run=run,
                    failure=evaluation.failure,
                )
                for point in outcomes
            ]
        with self.transaction() as connection:
            add_missing(connection, schema.designs, list(found_designs.values()))
            add_missing(connection, schema.libraries, list(found_libraries.values()))
            return add_missing(connection, schema.evaluations, rows)

    def record_confirmed(
        self,
        design: Design,
        point: Point,
        *,
        library: LibraryRef,
        constraint: Constraint,
        netlist: str,
        proven: bool,
        proof: Mapping[str, Any],  # a proof is JSON values
        sta_delay_ps: float | None = None,
        run: str | None = None,
    ) -> str:
        """Store a confirmed figure with its netlist and proof; give the netlist's sha256.

        Storing it again keeps who found it first, and takes over the proof when the stored one did
        not prove it.
        """
        sha256, packed = pack(netlist)
        row = evaluation_row(
            design.digest,
            library.digest,
            constraint,
            point=point,
            tier="confirmed",
            netlist=sha256,
            run=run,
        )
        if sta_delay_ps is not None:
            finite(sta_delay_ps, "sta_delay_ps")
        row |= {
            "sta_delay_ps": sta_delay_ps,
            "proven": int(proven),
            "proof": to_json(proof, "proof"),
        }
        known = schema.evaluations
        with self.transaction() as connection:
            add_missing(connection, schema.designs, [design_row(design)])
            add_missing(
                connection, schema.libraries, [{"digest": library.digest, "name": library.name}]
            )
            add_missing(connection, schema.netlists, [{"sha256": sha256, "verilog": packed}])
            statement = insert_or(known).values(row)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[known.c.key],
                    set_={
                        name: statement.excluded[name]
                        for name in ("proven", "proof", "sta_delay_ps")
                    },
                    where=known.c.proven == 0,
                )
            )
        return sha256

    def netlist(self, sha256: str) -> str:
        """Give the text of a stored netlist, byte for byte."""
        query = select(schema.netlists.c.verilog).where(schema.netlists.c.sha256 == sha256)
        with self.snapshot() as connection:
            packed = connection.execute(query).scalar()
        if packed is None:
            raise StoreError(f"the store {self.path} has no netlist {sha256!r}")
        return unpack(sha256, packed)

    def proof(self, sha256: str) -> dict[str, Any]:  # a proof is JSON values
        """Give the proof that belongs to a stored netlist."""
        known = schema.evaluations.c
        query = (
            select(known.proof)
            .where(known.netlist == sha256, known.proof.is_not(None))
            .order_by(known.proven.desc())
        )
        with self.snapshot() as connection:
            text = connection.execute(query).scalar()
        if text is None:
            raise StoreError(f"the store {self.path} has no proof of a netlist {sha256!r}")
        return from_json(text, f"a proof of netlist {sha256}")

    # ---------------------------------------------------------------- questions

    def front(
        self, circuit: Circuit, library_digest: str, constraint: Constraint
    ) -> list[FrontPoint]:
        """Give the non-dominated confirmed and proven designs of a circuit, by rising delay.

        Of designs with equal figures the one found first is given.
        """
        return non_dominated(self._confirmed(circuit, library_digest, constraint))

    def best(
        self,
        circuit: Circuit,
        library_digest: str,
        constraint: Constraint,
        max_delay_ps: float,
    ) -> FrontPoint | None:
        """Give the smallest confirmed and proven design that meets a delay, or None.

        Args:
            circuit: The circuit.
            library_digest: Digest of the cell library.
            constraint: Driver, load and wire load.
            max_delay_ps: The delay in picoseconds, with the usual tolerance of 0.2 %.
        """
        front = self.front(circuit, library_digest, constraint)
        meeting = [point for point in front if point.delay_ps <= TOLERANCE * max_delay_ps]
        return meeting[-1] if meeting else None

    def starts(
        self, circuit: Circuit, count: int, *, library_digest: str | None = None
    ) -> list[Design]:
        """Give good designs of a circuit to start a search or an episode from.

        They are those on the front of some library, constraint and flow, search figures included,
        chosen evenly from fast to small.

        Args:
            circuit: The circuit.
            count: Most designs to give, >= 0.
            library_digest: Looks at one library only.
        """
        known = schema.evaluations.c
        setting = (known.library, known.driver, known.load_ff, known.wire_load, known.flow)
        query = (
            select(*setting, known.delay_ps, known.area_um2, schema.designs)
            .join_from(schema.evaluations, schema.designs)
            .where(*_of_circuit(circuit), known.failure.is_(None))
            .order_by(*setting, known.delay_ps, known.area_um2, schema.designs.c.digest)
        )
        if library_digest is not None:
            query = query.where(known.library == library_digest)
        chosen: dict[str, tuple[float, RowMapping]] = {}
        with self.snapshot() as connection:
            before: tuple[object, ...] | None = None
            least = 0.0
            for row in connection.execute(query).mappings():
                group = tuple(row[column.name] for column in setting)
                area, delay = finite(row["area_um2"], "area_um2"), finite(row["delay_ps"], "delay")
                if group != before or area < least:
                    before, least = group, area
                    chosen.setdefault(row["digest"], (delay, row))
        ordered = [row for _, row in sorted(chosen.values(), key=lambda entry: entry[0])]
        return [design_from_row(row) for row in _evenly(ordered, count)]

    def designs(self, prefix: str, *, limit: int = 10) -> list[Design]:
        """Give the designs whose digest begins with some hex digits, by digest.

        Args:
            prefix: At least one hex digit.
            limit: Most designs to give.
        """
        if not prefix or not set(prefix) <= set("0123456789abcdef"):
            raise StoreError(f"a design's digest should be hex digits, actual: {prefix!r}")
        known = schema.designs
        query = select(known).where(known.c.digest.startswith(prefix)).order_by(known.c.digest)
        with self.snapshot() as connection:
            rows = connection.execute(query.limit(limit)).mappings()
            return [design_from_row(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """Give the number of rows of every table."""
        with self.snapshot() as connection:
            return {
                name: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
                for name, table in schema.tables.tables.items()
            }

    def check(self) -> list[str]:
        """Read the whole file and give what is wrong with it; nothing when it is sound."""
        with self.snapshot() as connection:
            said = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        problems = [str(line) for line in said if line != "ok"]
        return problems + [f"{row[0]} refers to a missing row of {row[2]}" for row in orphans]

    def _confirmed(
        self, circuit: Circuit, library_digest: str, constraint: Constraint
    ) -> list[FrontPoint]:
        known = schema.evaluations.c
        query = (
            select(
                known.area_um2,
                known.delay_ps,
                known.flow,
                known.target_ps,
                known.netlist,
                known.sta_delay_ps,
                known.run,
                schema.runs.c.method,
                schema.runs.c.seed,
                schema.designs,
            )
            .join_from(schema.evaluations, schema.designs)
            .join(schema.runs, isouter=True)
            .where(
                *_of_circuit(circuit),
                known.library == library_digest,
                known.driver == constraint.driver_cell,
                known.load_ff == float(constraint.load_ff),
                known.wire_load == constraint.wire_load,
                known.tier == "confirmed",
                known.proven == 1,
            )
            .order_by(known.created, known.key)
        )
        with self.snapshot() as connection:
            return [_front_point(row) for row in connection.execute(query).mappings()]

    # ---------------------------------------------------------------- agents

    def record_agent(
        self,
        name: str,
        *,
        path: str | Path,
        sha256: str,
        manifest: Mapping[str, Any],  # a manifest is JSON values
    ) -> str:
        """Store where a trained agent is, and give its id; the same weights keep theirs."""
        row = {
            "id": sha256[:32],
            "name": name,
            "path": str(path),
            "sha256": sha256,
            "manifest": to_json(manifest, "manifest"),
            "created": now(),
        }
        with self.transaction() as connection:
            statement = insert_or(schema.agents).values(row)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[schema.agents.c.id],
                    set_={key: statement.excluded[key] for key in ("name", "path", "manifest")},
                )
            )
        return sha256[:32]

    def agents(self) -> list[AgentRecord]:
        """Give the agents, newest first."""
        query = select(schema.agents).order_by(schema.agents.c.created.desc())
        with self.snapshot() as connection:
            return [
                AgentRecord(**{**row, "manifest": from_json(row["manifest"], "a manifest")})
                for row in connection.execute(query).mappings()
            ]

    # ---------------------------------------------------------------- plumbing

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Hold a write transaction: all of it is stored, or nothing."""
        if self.read_only:
            raise StoreError(
                f"the store {self.path} was opened read-only; open it for writing, or write to "
                "another store"
            )
        with writing(self._engine, self.path) as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Hold one consistent view for reading."""
        with reading(self._engine, self.path) as connection:
            yield connection


def _of_circuit(circuit: Circuit) -> tuple[ColumnElement[bool], ...]:
    known = schema.designs.c
    return (
        known.kind == circuit.kind,
        known.width == circuit.width,
        known.carry_in == int(circuit.carry_in),
        known.carry_out == int(bool(circuit.carry_out)),
    )


def _front_point(row: RowMapping) -> FrontPoint:
    return FrontPoint(
        area_um2=finite(row["area_um2"], "area_um2"),
        delay_ps=finite(row["delay_ps"], "delay_ps"),
        flow=row["flow"],
        target_ps=row["target_ps"],
        design=design_from_row(row),
        netlist_sha256=row["netlist"],
        sta_delay_ps=row["sta_delay_ps"],
        method=row["method"],
        run=row["run"],
        seed=row["seed"],
    )


def _run_record(row: RowMapping) -> RunRecord:
    return RunRecord(
        **{
            **row,
            "config": from_json(row["config"], "settings of a run"),
            "versions": from_json(row["versions"], "versions of a run"),
        }
    )


def _evenly(rows: Sequence[_Row], count: int) -> list[_Row]:
    """Choose ``count`` of the rows, the first and the last among them."""
    if count >= len(rows):
        return list(rows)
    if count < 2:
        return list(rows[:count])
    step = (len(rows) - 1) / (count - 1)
    return [rows[round(index * step)] for index in range(count)]
