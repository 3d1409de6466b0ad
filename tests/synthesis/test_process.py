"""Running outside programs: fakes on PATH for faults, real processes for the promises."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edarl.errors import ConfigError, ToolError, ToolNotFoundError, ToolTimeoutError
from edarl.synthesis import process
from edarl.synthesis.process import abc_path, limited, run_tool, tool_versions

ROOT = Path(__file__).resolve().parents[2]
FakeTool = Callable[[str], str]


@pytest.fixture
def fake_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTool:
    """Put a shell script with the given body on PATH and give its name."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    def make(body: str) -> str:
        tool = folder / "fake-tool"
        tool.write_text(f"#!/bin/sh\n{body}\n")
        tool.chmod(0o755)
        return tool.name

    return make


def wait_until(condition: Callable[[], bool]) -> bool:
    """Wait for something that must happen soon; False when it does not."""
    for _ in range(1000):
        if condition():
            return True
        time.sleep(0.01)
    return False


def is_running(pid: int) -> bool:
    """Say whether a process still does something; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def pids_in(path: Path, count: int) -> list[int]:
    """Wait until a file lists ``count`` process ids, and give them."""

    def listed() -> list[int]:
        return [int(word) for word in path.read_text().split()] if path.exists() else []

    assert wait_until(lambda: len(listed()) == count)
    return listed()


def test_output_of_both_streams_is_kept_as_a_file(tmp_path: Path, fake_tool: FakeTool) -> None:
    name = fake_tool("echo said; echo complained >&2")
    result = run_tool([name], workdir=tmp_path / "run", timeout_s=30)
    assert result.returncode == 0
    assert result.log == tmp_path / "run" / "fake-tool.log"
    assert result.text == "said\ncomplained\n"


def test_colours_are_removed_from_the_text(tmp_path: Path, fake_tool: FakeTool) -> None:
    name = fake_tool(r"printf '\033[1;31mred\033[0m\n'")
    assert run_tool([name], workdir=tmp_path, timeout_s=30).text == "red\n"


def test_input_reaches_the_program_and_the_run_can_be_repeated(tmp_path: Path) -> None:
    run = tmp_path / "a folder"
    first = run_tool(["cat"], workdir=run, timeout_s=30, input_text="one\ntwo\n", name="copy")
    assert first.text == "one\ntwo\n"
    again = subprocess.run(["sh", run / "copy.sh"], capture_output=True, text=True, check=True)
    assert again.stdout == first.text


def test_arguments_reach_the_program_untouched_by_any_shell(tmp_path: Path) -> None:
    word = "$(touch broken); `x` * \\ '\""
    result = run_tool(["printf", "%s", word], workdir=tmp_path, timeout_s=30)
    assert result.text == word
    assert not (tmp_path / "broken").exists()


def test_without_input_the_program_reads_nothing(tmp_path: Path) -> None:
    assert run_tool(["cat"], workdir=tmp_path, timeout_s=30).text == ""


def test_the_program_runs_in_its_folder(tmp_path: Path) -> None:
    assert run_tool(["pwd", "-P"], workdir=tmp_path, timeout_s=30).text.strip() == str(
        tmp_path.resolve()
    )


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolNotFoundError, match="no-such-program should be installed"):
        run_tool(["no-such-program"], workdir=tmp_path, timeout_s=30)


def test_a_failing_program_gives_its_status_and_last_lines(
    tmp_path: Path, fake_tool: FakeTool
) -> None:
    name = fake_tool("seq 1 100; echo it broke >&2; exit 3")
    with pytest.raises(ToolError, match="ended with exit status 3") as caught:
        run_tool([name], workdir=tmp_path, timeout_s=30)
    assert caught.value.log_tail[-2:] == ("100", "it broke")
    assert len(caught.value.log_tail) == 15
    assert run_tool([name], workdir=tmp_path, timeout_s=30, check=False).returncode == 3


def test_a_crash_is_told_by_its_signal(tmp_path: Path, fake_tool: FakeTool) -> None:
    name = fake_tool("kill -SEGV $$")
    with pytest.raises(ToolError, match="signal SIGSEGV"):
        run_tool([name], workdir=tmp_path, timeout_s=30)
    result = run_tool([name], workdir=tmp_path, timeout_s=30, check=False)
    assert result.returncode == -signal.SIGSEGV


def test_a_program_that_cannot_be_executed_is_an_error(tmp_path: Path, fake_tool: FakeTool) -> None:
    name = fake_tool("")
    (tmp_path / "bin" / name).write_bytes(b"\x7fELF nonsense")
    with pytest.raises(ToolError, match="cannot execute"):
        run_tool([name], workdir=tmp_path, timeout_s=30)


def test_garbage_output_is_kept_and_readable(tmp_path: Path, fake_tool: FakeTool) -> None:
    name = fake_tool("head -c 100000 /dev/urandom; exit 1")
    with pytest.raises(ToolError, match="exit status 1") as caught:
        run_tool([name], workdir=tmp_path, timeout_s=30)
    assert len(str(caught.value)) < 10_000
    assert all(line.replace("\t", " ").isprintable() for line in caught.value.log_tail)
    assert (tmp_path / "fake-tool.log").stat().st_size == 100_000


def test_a_memory_hog_is_stopped_at_its_limit(tmp_path: Path) -> None:
    hog = [sys.executable, "-I", "-S", "-c", "x = bytearray(1 << 28); print(len(x))"]
    assert run_tool(hog, workdir=tmp_path, timeout_s=30).text == f"{1 << 28}\n"
    with pytest.raises(ToolError, match="more than its 200 MB of memory"):
        run_tool(hog, workdir=tmp_path, timeout_s=30, memory_mb=200)


def test_a_runaway_log_is_stopped(
    tmp_path: Path, fake_tool: FakeTool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_MOST_FILE_BYTES", 1 << 20)
    name = fake_tool("exec cat /dev/zero")
    with pytest.raises(ToolError, match="SIGXFSZ"):
        run_tool([name], workdir=tmp_path, timeout_s=60)
    assert (tmp_path / "fake-tool.log").stat().st_size == 1 << 20


def test_nothing_is_left_over_after_a_timeout(tmp_path: Path, fake_tool: FakeTool) -> None:
    name = fake_tool("echo started; sleep 1000 & echo $$ $! > pids; sleep 1000")
    with pytest.raises(ToolTimeoutError, match="within 2 s") as caught:
        run_tool([name], workdir=tmp_path, timeout_s=2.0)
    assert caught.value.log_tail == ("started",)
    pids = pids_in(tmp_path / "pids", 2)
    assert wait_until(lambda: not any(map(is_running, pids)))


def test_what_a_program_leaves_in_the_background_is_ended(
    tmp_path: Path, fake_tool: FakeTool
) -> None:
    name = fake_tool("sleep 1000 & echo $! > pids")
    assert run_tool([name], workdir=tmp_path, timeout_s=30).returncode == 0
    pids = pids_in(tmp_path / "pids", 1)
    assert wait_until(lambda: not any(map(is_running, pids)))


CALLER = """
    import signal
    import sys
    from pathlib import Path
    # A shell's background jobs ignore SIGINT and hand that down.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from edarl.synthesis.process import run_tool
    run_tool(["sh", "-c", sys.argv[2]], workdir=Path(sys.argv[1]), timeout_s=1000)
"""


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_over_when_the_caller_dies(tmp_path: Path, blow: signal.Signals) -> None:
    body = "sleep 1000 & echo $$ $! > pids; sleep 1000; true"
    caller = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CALLER), tmp_path, body],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        pids = pids_in(tmp_path / "pids", 2)
        assert all(map(is_running, pids))
    finally:
        caller.send_signal(blow)
        caller.wait(timeout=120)
    assert wait_until(lambda: not any(map(is_running, pids)))


def test_a_program_dies_with_its_launcher(tmp_path: Path) -> None:
    command = limited(["sh", "-c", "echo $$ > pids; exec sleep 1000"], memory_mb=None)
    launcher = subprocess.Popen(command, cwd=tmp_path, process_group=0)
    pids = pids_in(tmp_path / "pids", 1)
    launcher.kill()
    launcher.wait()
    assert wait_until(lambda: not any(map(is_running, pids)))


def test_a_program_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    started: list[subprocess.Popen[str]] = []

    def start() -> None:
        command = limited(["cat"], memory_mb=None)
        started.append(
            subprocess.Popen(
                command,
                cwd=tmp_path,
                process_group=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        assert started[0].stdin is not None
        assert started[0].stdout is not None
        started[0].stdin.write("up\n")
        started[0].stdin.flush()
        assert started[0].stdout.readline() == "up\n"

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    output, _ = started[0].communicate("still there\n")
    assert output == "still there\n"
    assert started[0].returncode == 0


def test_programs_run_in_several_threads_at_once(tmp_path: Path) -> None:
    texts: dict[int, str] = {}

    def run(number: int) -> None:
        result = run_tool(["echo", str(number)], workdir=tmp_path / str(number), timeout_s=60)
        texts[number] = result.text

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == {number: f"{number}\n" for number in range(8)}


def test_no_file_descriptor_is_left_open(tmp_path: Path) -> None:
    run_tool(["true"], workdir=tmp_path, timeout_s=30)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        run_tool(["true"], workdir=tmp_path, timeout_s=30)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolError, match="could not be run in"):
        run_tool(["true"], workdir=tmp_path / "file" / "run", timeout_s=30)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"command": [], "timeout_s": 1.0}, "`command` should name a program"),
        ({"command": ["true"], "timeout_s": 0.0}, "`timeout_s` should be a positive number"),
        ({"command": ["true"], "timeout_s": float("nan")}, "`timeout_s` should be a positive"),
        ({"command": ["true"], "timeout_s": 1.0, "memory_mb": 0}, "`memory_mb` should be positive"),
    ],
)
def test_unusable_arguments_are_refused(
    tmp_path: Path, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run_tool(workdir=tmp_path, **arguments)  # type: ignore[arg-type]


def test_abc_is_found_without_importing_pyosys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    code = (
        "import sys; from edarl.synthesis.process import abc_path, tool_versions; "
        "abc_path(); tool_versions(); print('pyosys' in sys.modules)"
    )
    assert run_tool([sys.executable, "-c", code], workdir=tmp_path, timeout_s=60).text == "False\n"
    result = run_tool([str(abc_path()), "-s", "-q", "version"], workdir=tmp_path, timeout_s=30)
    assert "ABC" in result.text


def test_versions_name_both_tools() -> None:
    versions = tool_versions()
    assert set(versions) == {"yosys", "abc"}
    assert all(version.startswith("pyosys 0.") for version in versions.values())


def test_a_missing_pyosys_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    process.pyosys_directory.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ToolNotFoundError, match="pip install pyosys"):
        abc_path()


def test_a_pyosys_without_abc_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "pyosys_directory", lambda: tmp_path)
    with pytest.raises(ToolNotFoundError, match="reinstall the package pyosys"):
        abc_path()
