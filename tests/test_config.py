from pathlib import Path

import pytest

from edarl.config import home
from edarl.errors import ConfigError


def test_home_is_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDARL_HOME", str(tmp_path / "here"))
    assert home() == tmp_path / "here"
    assert not home().exists()


def test_home_is_a_users_data_directory_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDARL_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert home() == tmp_path / "edarl"


def test_unusable_homes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDARL_HOME", "relative/path")
    with pytest.raises(ConfigError, match="should be an absolute path, actual value: relative"):
        home()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EDARL_HOME", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="should name a directory"):
        home()
