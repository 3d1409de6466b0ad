from edarl.prefix.circuits import Circuit
from edarl.service.pages.agents import card_html
from edarl.service.pages.jobs import said
from edarl.service.pages.rendering import percent
from edarl.service.pages.views import circuit_title, propagate, structure_name


def test_circuits_are_named_for_people() -> None:
    assert circuit_title(Circuit("adder", 32)) == "32-bit adder"
    assert circuit_title(Circuit("adder", 8, carry_in=True)) == "8-bit adder with carry-in"
    assert circuit_title(Circuit("adder", 8, carry_out=False)) == "8-bit adder without carry-out"
    assert (
        circuit_title(Circuit("adder", 8, carry_in=True, carry_out=False))
        == "8-bit adder with carry-in, without carry-out"
    )


def test_structures_and_modes_are_written_as_people_write_them() -> None:
    assert structure_name("kogge_stone") == "Kogge-Stone"
    assert structure_name("ladner_fischer:2") == "Ladner-Fischer 2"
    assert structure_name(None) == "new graph"
    assert propagate("xor") == "xor"
    assert propagate("mixed:3f") == "mixed, or at 0x3f"


def test_a_rounded_zero_has_no_sign() -> None:
    assert percent(-0.0001) == "0.0"
    assert percent(0.2031) == "20.3"


def test_progress_is_one_line() -> None:
    progress = {"stage": "search", "done": 3, "total": 8, "best_saving": 0.25, "scalars": {"a": 1}}
    assert said(progress) == "search: 3 of 8, best saving 0.25"
    assert said({"message": "the run begins"}) == "the run begins"
    assert said({}) == ""


def test_a_model_card_brings_no_html_of_its_own() -> None:
    card = card_html(
        "# name\n\n<script>alert(1)</script>\n\n[a](javascript:alert(1)) ![b](http://x/y.png)\n\n"
        "| head [ps] |\n|---|\n| 1 |\n"
    )
    assert "<script" not in card
    assert "&lt;script&gt;" in card
    assert 'href="javascript' not in card
    assert "<img" not in card
    assert "<h1" not in card
    assert "<td>1</td>" in card
