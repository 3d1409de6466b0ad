"""Train the agents that come with the package, measure them, write their cards.

- ``value``: an ensemble that foretells costs, from guided searches of adders of several widths in
  several libraries; measured on widths and a library that it has not seen, frozen and learning on,
  beside the same search without a model and with one from scratch.
- ``agents``: double DQNs with the presets for a CPU, one for each of two widths and two libraries;
  measured by rollouts in three modes, on their own problem and on a wider adder.

Everything is reproduced by this one command, up to the last digits of floating point. It takes
about half an hour of one core; with ``--resume`` what is finished is not repeated.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _shipped_agents
import _shipped_value
from common import arguments, machine, print_table, write_json

from edarl.agents.card import Figures, model_card
from edarl.agents.shipped import CARD_NAME, VALUE_MODEL, load_trained

PARTS = ("value", "agents")
HERE = Path(__file__).resolve().parents[1] / "edarl" / "agents" / "shipped"

_NOT_DONE = (
    "It was trained on two cores of a CPU. 32 and 64 bits were not trained on a GPU; nothing here "
    "shows what a larger network would learn there."
)


def main() -> None:
    """Train, measure, print, write."""
    parser = arguments(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument(
        "--policies", nargs="+", metavar="NAME", help="of the agents these alone; default: all"
    )
    parser.add_argument(
        "--out", type=Path, default=HERE, metavar="DIR", help="default: where the package has them"
    )
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="keep finished parts here; do not repeat them"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.resume or Path(scratch)
        figures: dict[str, Any] = {}
        if "value" in options.parts:
            figures["value"] = value_part(options.out, folder, quick=options.quick)
        if "agents" in options.parts:
            figures["agents"] = agents_part(
                options.out, folder, quick=options.quick, names=options.policies
            )
    write_json(options.json, figures)


def value_part(out: Path, folder: Path, *, quick: bool) -> dict[str, Any]:
    """Train and measure the value model; give the figures."""
    path = out / VALUE_MODEL
    figures = _kept(
        folder / f"value{'-quick' if quick else ''}.json",
        lambda: _value_figures(path, folder / "lessons", quick=quick),
        needs=path,
    )
    rows = figures["rows"]
    trained = figures["training"]
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    tables = [
        Figures(
            f"Guided search of {rows[0]['calls']} calls where no lesson was, flow `sized`: mean "
            f"saving against the best regular structure over {rows[0]['seeds']} seeds (smallest to "
            f"largest). {_where()}; the lessons took {trained['cpu_s']:.0f} CPU seconds.",
            rows,
        )
    ]
    limits = (
        _NOT_DONE,
        "It has seen adders up to 32 bits only. At 48 bits it was no better than beginning anew.",
    )
    _write_card(path, tables, limits)
    return figures


def agents_part(
    out: Path, folder: Path, *, quick: bool, names: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Train and measure the policies, or those of some names; give the figures."""
    every = []
    size = "-quick" if quick else ""
    plans = _shipped_agents.plans(quick=quick)
    unknown = sorted(set(names or ()) - {plan.name for plan in plans})
    if unknown:
        raise SystemExit(
            f"--policies should name some of {', '.join(plan.name for plan in plans)}, actual: "
            f"{', '.join(unknown)}"
        )
    for plan in plans:
        if names and plan.name not in names:
            continue
        path = out / plan.name
        trained = _kept(
            folder / f"{plan.name}{size}-trained.json",
            lambda plan=plan, path=path: _shipped_agents.train(plan, path, folder, quick=quick),
            needs=path,
        )
        rows = _kept(
            folder / f"{plan.name}{size}-asked.json",
            lambda plan=plan, path=path: _shipped_agents.asked(path, plan, quick=quick),
            needs=path,
        )
        print_table(list(rows[0]), [list(row.values()) for row in rows])
        tables = [
            Figures(
                f"Training of {trained['calls']} calls, {trained['cpu_s']:.0f} CPU seconds; saving "
                f"of what it found, at its targets. {_where()}.",
                [trained["targets"]],
            ),
            Figures(
                "Asked afterwards, flow `sized`: saving of the best against the best regular "
                "structure at that delay, mean over the seeds (smallest to largest). `search` "
                "begins with the shipped value model, with and without this policy's proposals; "
                "its calls include the regular structures.",
                rows,
            ),
        ]
        _write_card(path, tables, (_NOT_DONE, *plan.limits))
        every.append({"name": plan.name, "training": trained, "asked": rows})
    return every


def _value_figures(path: Path, lessons: Path, *, quick: bool) -> dict[str, Any]:
    trained = _shipped_value.train(path, lessons, quick=quick)
    return {"training": trained, "rows": _shipped_value.measured(path, quick=quick)}


def _write_card(path: Path, tables: list[Figures], limits: tuple[str, ...]) -> None:
    agent = load_trained(path)
    card = model_card(agent.name, agent.manifest, tables, limits=limits)
    (path / CARD_NAME).write_text(card)


def _kept(file: Path, work: Any, *, needs: Path) -> Any:  # figures are any JSON
    """Give figures from a file; do the work first where the file or what it made is missing."""
    if not file.exists() or not needs.exists():
        figures = work()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(figures, indent=1))
    return json.loads(file.read_text())


def _where() -> str:
    return f"Machine: {machine()['cpu']}, 2 shared cores, Python {platform.python_version()}"


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
