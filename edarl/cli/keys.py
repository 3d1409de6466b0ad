"""``edarl keys``: who may use the service, and how much."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from edarl.cli.common import Json, console
from edarl.cli.output import ExitCode, print_error, print_json
from edarl.config import home

if TYPE_CHECKING:
    from edarl.store import Store
    from edarl.store.keys import ApiKey, Scope

__all__ = ["app", "create", "list_", "revoke"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="API keys of the service: create, list, revoke.",
)

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        envvar="EDARL_DATABASE",
        help="The service's database: a file, or postgresql://...; by default edarl.db in edarl's "
        "home.",
    ),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who it is for.")],
    *,
    scopes: Annotated[
        str, typer.Option("--scopes", help="What it may do: read, design, train, admin; by commas.")
    ] = "read,design",
    work_per_hour: Annotated[
        float,
        typer.Option(
            "--work-per-hour",
            help="Work it may ask for in an hour: n log2 n for each evaluation call of n bits.",
        ),
    ] = 2e7,
    max_jobs: Annotated[
        int, typer.Option("--max-jobs", help="Jobs it may have queued or running at once.")
    ] = 20,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Make a key and print it; it cannot be shown again, as only its hash is kept."""
    from edarl.store.keys import create_key

    # What is not a scope is refused by the store, with those there are.
    chosen = cast("tuple[Scope, ...]", tuple(filter(None, map(str.strip, scopes.split(",")))))
    with _store(database) as store:
        key, secret = create_key(
            store, name, chosen, work_per_hour=work_per_hour, max_active_jobs=max_jobs
        )
    if as_json:
        print_json({**_document(key), "secret": secret})
        return
    console(stderr=True).print(
        f"key {key.id} for {key.name}, scopes {', '.join(sorted(key.scopes))}; this is the only "
        "time it is shown:",
        markup=False,
        highlight=False,
    )
    typer.echo(secret)


@app.command("list")
def list_(*, database: Database = None, as_json: Json = False) -> None:
    """List the keys, with what they may do."""
    from edarl.store.keys import list_keys

    with _store(database) as store:
        documents = [_document(key) for key in list_keys(store)]
    if as_json:
        print_json({"keys": documents})
        return
    if not documents:
        print_error("there is no key; make one with `edarl keys create NAME`")
        return
    from edarl.cli.tables import Column, print_table

    columns = (
        Column("id", is_number=False),
        Column("name", is_number=False, wraps=True),
        Column("scopes", is_number=False, wraps=True),
        Column("work per hour"),
        Column("jobs"),
        Column("state", is_number=False),
    )
    rows = [
        (
            each["id"],
            each["name"],
            ", ".join(each["scopes"]),
            "no limit" if each["work_per_hour"] is None else f"{each['work_per_hour']:g}",
            "no limit" if each["max_active_jobs"] is None else str(each["max_active_jobs"]),
            "revoked" if each["revoked"] else "valid",
        )
        for each in documents
    ]
    print_table(console(), "API keys", columns, rows)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `list` shows it.")],
    *,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Make a key worthless, within seconds and for good; its jobs stay.

    Exit code 1 when there is no such key.
    """
    from edarl.store.keys import list_keys, revoke_key

    with _store(database) as store:
        known = {each.id: each for each in list_keys(store)}
        if key not in known:
            print_error(f"there is no key {key!r}; `edarl keys list` shows those there are")
            raise typer.Exit(ExitCode.NO)
        revoke_key(store, key)
    if as_json:
        print_json({"revoked": key})
    else:
        console().print(f"revoked {key} ({known[key].name})", markup=False, highlight=False)


@contextmanager
def _store(database: str | None) -> Iterator[Store]:
    from edarl.store import Store

    with Store.open(database or home() / "edarl.db") as store:
        yield store


def _document(key: ApiKey) -> dict[str, Any]:  # Any: JSON values
    return {**asdict(key), "scopes": sorted(key.scopes), "revoked": bool(key.revoked)}
