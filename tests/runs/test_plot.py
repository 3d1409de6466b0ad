"""Plots: the right marks are there, the same data give the same bytes, what is outside is said."""

from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from edarl.errors import ConfigError
from edarl.runs.plot import Series, plot_fronts


class Spot(NamedTuple):
    delay_ps: float
    area_um2: float


FRONT = [Spot(300.0 + 12 * step, 400.0 - 9 * step) for step in range(35)]
RIPPLE = [Spot(700.0, 105.0), Spot(760.0, 100.0)]
KOGGE_STONE = [Spot(290.0, 460.0), Spot(310.0, 440.0)]
SERIES: list[Series] = [
    ("ripple", "baseline", RIPPLE),
    ("kogge_stone", "baseline", KOGGE_STONE),
    ("Yosys, a + b", "point", [Spot(620.0, 250.0)]),
    ("proven front", "front", FRONT),
]


def texts(path: Path) -> str:
    return " ".join(ElementTree.parse(path).getroot().itertext())


def test_a_plot_names_everything_with_units(tmp_path: Path) -> None:
    path = tmp_path / "new" / "front.svg"
    plot_fronts(path, SERIES, title="16-bit adder", subtitle="sky130, pre-layout")
    drawn = texts(path)
    for text in ("16-bit adder", "sky130, pre-layout", "delay [ps], pre-layout", "cell area [µm²]",
                 "ripple", "kogge_stone", "Yosys, a + b", "proven front", "best of them",
                 "regular structures"):  # fmt: skip
        assert text in drawn
    assert "outside" not in drawn


def test_the_same_points_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        plot_fronts(tmp_path / name, SERIES, title="t")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_marks_far_off_are_left_out_and_counted(tmp_path: Path) -> None:
    far = [Spot(5000.0, 5000.0), Spot(310.0, 9000.0)]
    plot_fronts(tmp_path / "p.svg", [*SERIES, ("ripple", "baseline", far)], title="t")
    assert "2 slower or larger marks outside the picture" in texts(tmp_path / "p.svg")


@pytest.mark.parametrize(
    ("slowest", "says"), [(760.0, "pre-layout"), (2000.0, "pre-layout, logarithmic")]
)
def test_a_wide_range_of_delays_is_logarithmic(slowest: float, says: str, tmp_path: Path) -> None:
    series: list[Series] = [("f", "front", [*FRONT, Spot(slowest, 50.0)])]
    plot_fronts(tmp_path / "p.svg", series, title="t")
    assert f"delay [ps], {says} " in texts(tmp_path / "p.svg").replace("\n", " ")


def test_a_png_is_a_picture(tmp_path: Path) -> None:
    plot_fronts(tmp_path / "p.PNG", SERIES[-1:], title="t")
    assert (tmp_path / "p.PNG").read_bytes().startswith(b"\x89PNG")


def test_a_single_point_is_drawn(tmp_path: Path) -> None:
    plot_fronts(tmp_path / "p.svg", [("f", "front", [Spot(1.0, 1.0)])], title="t")
    assert (tmp_path / "p.svg").stat().st_size > 0


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"should end in \.svg"):
        plot_fronts(tmp_path / "p.bmp", SERIES, title="t")
    with pytest.raises(ConfigError, match="at least one point"):
        plot_fronts(tmp_path / "p.svg", [("f", "front", [])], title="t")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        plot_fronts(tmp_path / "file" / "p.svg", SERIES, title="t")
