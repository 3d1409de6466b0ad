"""What every test shares. Importing this installs the type check, so it comes before edarl."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

from tests import typecheck

ROOT = Path(__file__).resolve().parent.parent
SHARED_LIBRARIES = ROOT.parent / "shared" / "libraries"
USER_HOME = os.environ.get("EDARL_HOME", "")
"""The value before the tests move it: osu018 is taken from there."""


def modules_with_shapes() -> list[str]:
    """Name the modules of edarl that declare array shapes."""
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "edarl").rglob("*.py"))
        if "jaxtyping" in path.read_text()
    ]


# Array shapes and dtypes, and all other annotations of the modules that declare them, are checked
# while tests run; child processes run unchecked. Elsewhere the check would find what mypy finds
# already and make the pure-Python inner loops several times slower.
install_import_hook(modules_with_shapes(), f"{typecheck.__name__}.checked")

# The same examples every time and everywhere; `--hypothesis-profile explore` draws new ones.
# Nothing depends on how fast the machine is.
settings.register_profile(
    "repeatable",
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "explore",
    max_examples=1000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what the code gives now into the golden files; read the diff afterwards",
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten instead of compared."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session", autouse=True)
def edarl_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty home folder for this test process, so that the user's own is left alone."""
    home = tmp_path_factory.mktemp("edarl-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDARL_HOME", str(home))
        yield home


@pytest.fixture(autouse=True)
def clean_logging() -> Iterator[None]:
    """Undo what a test did to logging."""
    yield
    from edarl.log import reset

    reset()


@pytest.fixture(scope="session")
def sky130(edarl_home: Path) -> str:
    """The name of the library that comes with edarl, which is the default."""
    return "sky130"


@pytest.fixture(scope="session")
def osu018(edarl_home: Path) -> str:
    """The name of the OSU 0.18 um library, copied from where the user has it installed."""
    from edarl.errors import LibraryError
    from edarl.synthesis.library import load_library

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDARL_HOME", USER_HOME)
        try:
            copy = load_library("osu018").liberty_path
        except LibraryError as error:
            missing(f"needs the cell library osu018: {error}")
    entries = copy.parent.parent
    (edarl_home / "libraries" / "liberty").mkdir(parents=True, exist_ok=True)
    shutil.copy(copy, edarl_home / "libraries" / "liberty")
    shutil.copy(entries / "osu018.json", edarl_home / "libraries")
    return "osu018"


@pytest.fixture(scope="session")
def nangate45() -> Path:
    """The Nangate45 Liberty file beside the checkout."""
    return shared_library("nangate45_typ.lib.gz")


@pytest.fixture(scope="session")
def sky130hd() -> Path:
    """The sky130hd Liberty file beside the checkout."""
    return shared_library("sky130hd_tt.lib.gz")


def missing(reason: str) -> NoReturn:
    """Skip the test that asks; fail it where ``EDARL_REQUIRE_TOOLS=1``."""
    if os.environ.get("EDARL_REQUIRE_TOOLS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def shared_library(name: str) -> Path:
    """Give a library file beside the checkout, or end the test that asks as `missing` does."""
    path = SHARED_LIBRARIES / name
    if not path.is_file():
        missing(f"needs the cell library {name} in ../shared/libraries beside the checkout")
    return path
