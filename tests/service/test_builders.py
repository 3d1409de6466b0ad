"""Threads for slow work: in order, errors told, and no obstacle to ending."""

import subprocess
import sys
import threading
from concurrent.futures import CancelledError

import pytest

from edarl.service.builders import Builders


def test_work_is_done_in_order_and_errors_are_the_futures() -> None:
    builders = Builders(1, "test")
    done: list[int] = []
    futures = [builders.submit(lambda number=number: done.append(number)) for number in range(5)]
    for future in futures:
        assert future.result(10) is None
    assert done == list(range(5))

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        builders.submit(fail).result(10)
    assert builders.submit(lambda: 7).result(10) == 7
    builders.close()


def test_what_waits_is_cancelled_and_nothing_is_taken_after_closing() -> None:
    builders = Builders(1, "test")
    go, begun = threading.Event(), threading.Event()

    def wait() -> str:
        begun.set()
        go.wait(10)
        return "done"

    running, waiting = builders.submit(wait), builders.submit(lambda: "never")
    assert begun.wait(10)
    builders.close()
    builders.close()
    go.set()
    assert running.result(10) == "done"
    with pytest.raises(CancelledError):
        waiting.result(10)
    with pytest.raises(RuntimeError, match="closed"):
        builders.submit(lambda: 1)


def test_a_process_ends_while_something_is_being_built() -> None:
    program = (
        "import time; from edarl.service.builders import Builders; "
        "Builders(1, 'x').submit(lambda: time.sleep(600))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
