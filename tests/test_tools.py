import pytest

from tests.tools import require_tool


def test_an_installed_tool_is_found() -> None:
    assert require_tool("sh").endswith("/sh")


def test_a_missing_tool_skips_on_a_users_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDARL_REQUIRE_TOOLS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs no-such-tool, which is not installed"):
        require_tool("no-such-tool")


def test_a_missing_tool_fails_where_tools_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDARL_REQUIRE_TOOLS", "1")
    with pytest.raises(pytest.fail.Exception, match="EDARL_REQUIRE_TOOLS=1 forbids skipping"):
        require_tool("no-such-tool")
