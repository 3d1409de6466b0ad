"""What a training goes on from is sound: a damaged snapshot is refused, the one before is used."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edarl.runs.jobs.snapshots import Snapshots


def save(folder: Path, number: int) -> None:
    """Save a state as a run does: everything new, then renamed over what was there."""
    agent = folder / f".agent-{number}"
    agent.mkdir(parents=True)
    (agent / "online.safetensors").write_bytes(bytes([number]) * 1000)
    old = folder / "agent"
    if old.exists():
        old.rename(folder / f"old-{number}")
    agent.rename(old)
    part = folder / ".state.json"
    part.write_text(f'{{"calls": {number}}}')
    part.replace(folder / "state.json")


def state(folder: Path) -> tuple[str, bytes]:
    return (folder / "state.json").read_text(), (folder / "agent/online.safetensors").read_bytes()


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def lengthen(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"more")


def with_snapshots(folder: Path, count: int) -> Snapshots:
    snapshots = Snapshots(folder)
    for number in range(1, count + 1):
        save(folder, number)
        assert snapshots.take()
    return snapshots


def test_a_snapshot_is_taken_once_per_saved_state_and_two_are_kept(tmp_path: Path) -> None:
    snapshots = with_snapshots(tmp_path, 4)
    assert not snapshots.take()
    assert sorted(path.name for path in (tmp_path / "snapshots").iterdir()) == ["000003", "000004"]


def test_the_newest_sound_snapshot_comes_back_whatever_the_run_has_left(tmp_path: Path) -> None:
    with_snapshots(tmp_path, 3)
    save(tmp_path, 9)  # killed before it was taken
    restored = Snapshots(tmp_path).restore()
    assert restored is not None
    assert restored.name == "000003"
    assert state(tmp_path) == ('{"calls": 3}', b"\3" * 1000)


@pytest.mark.parametrize("damage", [flip, truncate, lengthen, Path.unlink])
@pytest.mark.parametrize("file", ["state.json", "agent/online.safetensors", "sums.json"])
def test_a_damaged_snapshot_is_refused_and_the_one_before_is_used(
    tmp_path: Path, damage: Callable[[Path], None], file: str
) -> None:
    with_snapshots(tmp_path, 3)
    damage(tmp_path / "snapshots" / "000003" / file)
    restored = Snapshots(tmp_path).restore()
    assert restored is not None
    assert restored.name == "000002"
    assert state(tmp_path) == ('{"calls": 2}', b"\2" * 1000)
    assert not (tmp_path / "snapshots" / "000003").exists()


def test_a_live_file_that_is_damaged_takes_only_its_own_snapshot_along(tmp_path: Path) -> None:
    with_snapshots(tmp_path, 2)
    truncate(tmp_path / "agent" / "online.safetensors")  # the same file as the newest snapshot's
    restored = Snapshots(tmp_path).restore()
    assert restored is not None
    assert restored.name == "000001"


def test_without_a_sound_snapshot_nothing_is_left_to_go_on_from(tmp_path: Path) -> None:
    with_snapshots(tmp_path, 2)
    for snapshot in (tmp_path / "snapshots").iterdir():
        flip(snapshot / "state.json")
    assert Snapshots(tmp_path).restore() is None
    assert not (tmp_path / "state.json").exists()
    assert not (tmp_path / "agent").exists()


def test_after_a_restore_the_next_state_is_taken(tmp_path: Path) -> None:
    with_snapshots(tmp_path, 2)
    snapshots = Snapshots(tmp_path)
    assert snapshots.restore() is not None
    assert not snapshots.take()
    save(tmp_path, 7)
    assert snapshots.take()
    assert (tmp_path / "snapshots" / "000003" / "state.json").read_text() == '{"calls": 7}'
