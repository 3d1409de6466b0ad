"""Running Yosys scripts, always in a process of their own, and guarding them against hostile text.

Inside pyosys any Yosys error ends the Python process and every pass holds the interpreter lock, so
Yosys never runs in this process. What it may read is another matter: Verilog can name files of the
host, and can say one thing to a synthesis tool and another to a simulator. `refuse_host_access`
turns such text away before Yosys sees it; time and memory limits bound the rest.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from edarl.errors import ConfigError, ToolError
from edarl.synthesis.process import pyosys_directory, run_tool, tail

__all__ = ["MOST_TEXT_BYTES", "refuse_host_access", "run_yosys"]

MOST_TEXT_BYTES = 32 << 20
"""Longer texts from outside are turned away; a 256-bit netlist of cells has about 1 MB."""

_RUNNER = (
    "import sys; sys.path.insert(0, sys.argv[1]); from pyosys import libyosys; "
    "libyosys.run_pass('script ' + sys.argv[2])"
)
_TOKEN = re.compile(
    r"""
      (?P<string>"[^"\\\n]*"(?!"))
    | (?P<comment>//[^\n]*|/\*.*?\*/)
    | (?P<escaped>\\\S+)
    | (?P<directive>`\w*)
    | (?P<system>\$[\w$]+)
    | (?P<word>[A-Za-z_][\w$]*)
    | (?P<open>"[^\s"]{0,20}"*|/\*)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_HARMLESS_DIRECTIVES = frozenset(
    ("`timescale", "`default_nettype", "`resetall", "`celldefine", "`endcelldefine")
)
_HARMLESS_SYSTEM = frozenset(("$signed", "$unsigned", "$clog2", "$bits"))
_BUILT_IN_CELL = re.compile(
    r"\$(?:_\w+_|not|pos|neg|and|or|xor|xnor|reduce_(?:and|or|xor|xnor|bool)|logic_(?:not|and|or)"
    r"|s?sh[lr]|shiftx?|l[te]|g[te]|eqx?|nex?|add|sub|mul|b?mux|pmux|lut|alu|lcu|fa)"
)
_REFUSED_WORDS = {
    "import": "calls functions of the host",
    "export": "gives functions to the host",
    "bind": "changes other modules",
    "config": "chooses files of the host",
    **dict.fromkeys(
        ("full_case", "parallel_case", "via_celltype"), "makes synthesis differ from simulation"
    ),
    **dict.fromkeys(("techmap_wrap", "_TECHMAP_DO_"), "runs commands in Yosys"),
}
_PRAGMA = re.compile(r"\b(?:translate_o(?:ff|n)|synthesis_o(?:ff|n)|full_case|parallel_case)\b")
_HIDES_TEXT = re.compile(r'["`]|//|/\*|\*/')
_MOST_LISTED = 8
_ERROR = re.compile(r"^(?:.*: )?ERROR:.*", re.MULTILINE)


def run_yosys(
    script: str,
    *,
    workdir: Path,
    timeout_s: float = 60.0,
    memory_mb: int | None = 4000,
    name: str = "yosys",
) -> str:
    """Run a Yosys script in a child process and give its log.

    File names in the script are relative to ``workdir``, which afterwards holds ``NAME.ys`` (the
    script, which the ``yosys -s`` of any installation runs too), ``NAME.log`` and ``NAME.sh``,
    which runs it again.

    Args:
        script: Yosys commands, one per line.
        workdir: Where it runs; made when missing.
        timeout_s: Wall-clock limit in seconds, > 0.
        memory_mb: Limit on its address space in MiB; None for no limit.
        name: Stem of the files: letters, digits, dots, dashes and underscores.

    Raises:
        ToolNotFoundError: The pyosys wheel is not installed.
        ToolTimeoutError: Yosys ran longer than ``timeout_s``.
        ToolError: Yosys reported an error (the message holds its ERROR line) or crashed.
        ConfigError: The name is not a plain file name.
    """
    if not re.fullmatch(r"[\w.-]+", name):
        raise ConfigError(f"`name` should be a plain file name, actual value: {name!r}")
    site = pyosys_directory().parent
    path = workdir / f"{name}.ys"
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        path.write_text(script, encoding="utf-8")
    except OSError as error:
        raise ToolError(f"the script {path} could not be written: {error}") from error
    result = run_tool(
        # -I -S: nothing of the user's Python setup is read, and the start is faster.
        [sys.executable, "-I", "-S", "-c", _RUNNER, str(site), path.name],
        workdir=workdir,
        timeout_s=timeout_s,
        memory_mb=memory_mb,
        name=name,
        check=False,
    )
    if result.returncode == 0:
        return result.text
    text = result.text
    errors = _ERROR.findall(text)
    if errors:
        reason = f"Yosys stopped with {errors[-1]}"
    elif result.returncode < 0:
        reason = f"Yosys was ended by signal {-result.returncode}"
    else:
        reason = f"Yosys ended with exit status {result.returncode}"
    if "bad_alloc" in text or "Cannot allocate memory" in text:
        reason += f"; it probably needs more than its {memory_mb} MB of memory"
    raise ToolError(
        f"{reason}; to run it again: sh {workdir / (name + '.sh')}",
        command=script,
        log_tail=tail(text),
    )


def refuse_host_access(text: str, *, techmap: bool = False) -> None:
    """Refuse Verilog that could read files, run commands, or mean two things to two tools.

    Allowed are plain modules with the directives and system functions that netlists need. Refused
    are macros, includes and conditional text; system tasks; imports; tool commands in comments, and
    attributes that make synthesis see another circuit than simulation; definitions of Yosys' own
    cells; overlong and unterminated text.

    Args:
        text: The Verilog text.
        techmap: Whether it is a map file for Yosys' ``techmap``, whose modules may stand for Yosys'
            own cells. Commands in it (``_TECHMAP_DO_``) are refused all the same.

    Raises:
        ConfigError: It holds such things; the message lists them with their lines.
    """
    if len(text) > MOST_TEXT_BYTES:
        raise ConfigError(
            f"Verilog from outside should have at most {MOST_TEXT_BYTES >> 20} MB, "
            f"actual size: {len(text) >> 20} MB"
        )
    found = [
        f"line {text.count(chr(10), 0, position) + 1}: {problem}"
        for position, problem in _problems(text, techmap=techmap)
    ]
    if found:
        more = f" and {len(found) - _MOST_LISTED} more" if len(found) > _MOST_LISTED else ""
        raise ConfigError(
            "Verilog from outside should be plain modules that mean the same to every tool, "
            f"actual text has {'; '.join(found[:_MOST_LISTED])}{more}"
        )


def _problems(text: str, *, techmap: bool) -> Iterator[tuple[int, str]]:
    if "\0" in text:
        yield text.index("\0"), "a NUL character"
    before = ""
    for match in _TOKEN.finditer(text):
        kind, token = match.lastgroup, match[0]
        problem = None
        if kind == "directive" and token not in _HARMLESS_DIRECTIVES:
            problem = f"the directive {token}"
        elif kind == "system" and token not in _HARMLESS_SYSTEM:
            problem = f"the system task {token}"
        elif kind == "comment" and (pragma := _PRAGMA.search(token)):
            problem = f"the tool command {pragma[0]} in a comment"
        elif kind == "open":
            problem = "a string or comment without an end, or with a backslash or three quotes"
        elif kind in ("word", "escaped"):
            problem = _name_problem(token, before, techmap=techmap)
            before = token
        if problem is not None:
            yield match.start(), problem


def _name_problem(token: str, before: str, *, techmap: bool) -> str | None:
    name = token.removeprefix("\\")
    refused = "_TECHMAP_DO_" if name.startswith("_TECHMAP_DO_") else name
    if refused in _REFUSED_WORDS:
        return f"the word {name}, which {_REFUSED_WORDS[refused]}"
    if token == name:
        return None
    if _HIDES_TEXT.search(name):  # tools may disagree on where such a name ends
        return f"the name {token} with a quote or comment sign in it"
    if re.fullmatch(r"\$\w*", name, re.ASCII):
        if not _BUILT_IN_CELL.fullmatch(name):  # \$readmemh is $readmemh to Yosys
            return f"the system name {token}"
        if before in ("module", "macromodule") and not techmap:
            return f"a definition of the built-in cell {name}"
    return None
