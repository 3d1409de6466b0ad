import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import LibraryError
from edarl.synthesis import liberty
from edarl.synthesis.liberty import Group, parse_liberty, read_text
from tests.synthesis import tiny


def parse(text: str, **options: object) -> Group:
    return parse_liberty(text, source="test.lib", **options)  # type: ignore[arg-type]


def test_nangate45_has_134_cells(nangate45: Path) -> None:
    group = parse(read_text(nangate45))
    assert group.arguments == ("NangateOpenCellLibrary",)
    assert len(list(group.children("cell"))) == 134
    assert group.arguments_of("capacitive_load_unit") == ("1", "ff")
    assert group.get("default_wire_load") == "5K_hvratio_1_1"


def test_sky130hd_has_428_cells(sky130hd: Path) -> None:
    group = parse(read_text(sky130hd))
    assert group.arguments == ("sky130_fd_sc_hd__tt_025C_1v80",)
    assert len(list(group.children("cell"))) == 428
    assert group.arguments_of("capacitive_load_unit") == ("1.0000000000", "pf")


def test_a_group_knows_its_line_and_its_place_in_the_text() -> None:
    text = "library (l) {\n\n  cell (\n   A) {\n    area : 1; } }"
    cell = next(parse(text).children("cell"))
    assert cell.line == 3
    assert text[cell.start : cell.end] == "cell (\n   A) {\n    area : 1; }"


def test_quotes_comments_and_continued_lines_do_not_change_what_is_read() -> None:
    plain = 'library (l) { a : 1.5; pin (A, B) { values ("1, 2", "3, 4"); } f : "!A"; }'
    fancy = (
        '/* head { */ library /* ( */ ("l")  /* { */\n{ // tail }\n a : \n "1.5" /* one } */ ;;;'
        ' pin ("A", B)\n{\n'
        'values ( \\\n "1, 2", /* " */ \\\r\n "3, \\\n4" );\n}\n\n f : "!A"\n}\n\\\n'
    )
    one, other = parse(plain), parse(fancy)
    for group in (one, other):
        pin = next(group.children("pin"))
        assert group.arguments == ("l",)
        assert group.get("a") == "1.5"
        assert group.get("f") == "!A"
        assert pin.arguments == ("A", "B")
        assert pin.arguments_of("values") == ("1, 2", "3, 4")


def test_a_value_may_end_with_its_line_or_its_group() -> None:
    group = parse("library (l) { area : 32\n  other : x }")
    assert (group.get("area"), group.get("other")) == ("32", "x")


def test_the_last_of_repeated_attributes_counts() -> None:
    group = parse("library (l) { a : 1; a : 2; v (x); v (y, z); }")
    assert group.get("a") == "2"
    assert group.arguments_of("v") == ("y", "z")
    assert group.get("b") is None
    assert group.arguments_of("b") is None


def test_skipped_groups_keep_name_and_arguments_only() -> None:
    text = 'library (l) { power (x) { a : "}{"; /* } */ b (c) { d : 1; } } after : 1; }'
    (power,) = parse(text).groups
    assert (power.name, power.arguments, power.attributes, power.groups) == (
        "power",
        ("x",),
        (),
        (),
    )
    assert text[power.end :] == " after : 1; }"
    (inner,) = parse(text, descend=["power"]).groups[0].groups
    assert inner.name == "b"


def test_long_values_and_long_skipped_groups_are_read_whole() -> None:
    rows = ", \\\n".join(['"1, 2"'] * 5000)
    text = f"library (l) {{ pin (A) {{ values ({rows}); }} power () {{ values ({rows}); }} }}"
    pin, power = parse(text).groups
    arguments = pin.arguments_of("values")
    assert arguments is not None
    assert len(arguments) == 5000
    assert text[power.end :] == " }"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "test.lib: expected a `library` group, found none"),
        ("\n\ncell (A) { }", "test.lib, line 3: expected a `library` group, found `cell`"),
        ("a : 1;", "test.lib, line 1: `a` stands outside the library group"),
        ("library (l) { }\n}", "test.lib, line 2: this closing brace closes nothing"),
        (
            "library (l) { }\nlibrary (m) { }",
            "line 2: expected nothing after the library group, found `library`",
        ),
        ("library (l) {\n cell (A) {\n", "the text ends inside `cell` (A) of line 2; the file is"),
        ("library (l) {\n power () {\n a : 1;", "line 2: the text ends inside this `power` group"),
        ("library (l) {\n\n /* x", "line 3: this comment is never closed"),
        ("library (l) {\n power () { /* x", "line 2: this comment is never closed"),
        ('library (l) {\n a : "x', "line 2: this string is never closed"),
        ('library (l) {\n power () { "x', "line 2: this string is never closed"),
        ("library (l) {\n a ( 1", "line 2: expected `name : value;`"),
        ("library (l) {\n = }", "line 2: expected `name : value;`, `name (values);` or"),
        ("library (l) {\n" + "pin () {" * 99, "line 2: groups nest deeper than 32 levels"),
        ("library (l) {\n" + "x () {" * 99, "line 2: groups nest deeper than 32 levels"),
    ],
)
def test_broken_text_is_refused_with_its_line(text: str, expected: str) -> None:
    with pytest.raises(LibraryError) as caught:
        parse(text)
    assert expected in str(caught.value)


def test_too_many_statements_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liberty, "MAX_STATEMENTS", 3)
    with pytest.raises(LibraryError, match="line 2: more than 3 statements"):
        parse("library (l) { a : 1; b : 2;\n c : 3; }")


def test_plain_and_gzip_files_give_the_same_text(tmp_path: Path) -> None:
    text = tiny.library()
    plain, packed, members = (tmp_path / name for name in ("a.lib", "b.lib.gz", "c"))
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))
    half = len(text) // 2
    members.write_bytes(gzip.compress(text[:half].encode()) + gzip.compress(text[half:].encode()))
    assert read_text(plain) == read_text(packed) == read_text(members) == text


def test_a_gzip_bomb_is_stopped_at_the_limit(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.lib.gz"
    bomb.write_bytes(gzip.compress(b" " * 30_000_000))
    assert bomb.stat().st_size < 100_000
    with pytest.raises(LibraryError, match="larger than 1 MiB"):
        read_text(bomb, max_bytes=1024 * 1024)


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "large.lib"
    file.write_bytes(b" " * (1024 * 1024 + 1))
    with pytest.raises(LibraryError, match="larger than 1 MiB; is it a Liberty file"):
        read_text(file, max_bytes=1024 * 1024)


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(tiny.library().encode())
    short, broken = tmp_path / "short.gz", tmp_path / "broken.gz"
    short.write_bytes(packed[:-20])
    broken.write_bytes(packed[:30] + b"\xff\xff\xff\xff" + packed[34:])
    with pytest.raises(LibraryError, match="the gzip data ends early"):
        read_text(short)
    with pytest.raises(LibraryError, match="the gzip data is damaged"):
        read_text(broken)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"library (l) {\n\n\0}", "line 3: a Liberty file should be text, but here is a NUL byte"),
        (b"library (l) {\n a : \xe9; }", "line 2: a Liberty file should be UTF-8 text, but byte"),
    ],
)
def test_files_that_are_no_text_are_refused_with_the_line(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    file = tmp_path / "a.lib"
    file.write_bytes(content)
    with pytest.raises(LibraryError) as caught:
        read_text(file)
    assert expected in str(caught.value)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.lib", tmp_path):
        with pytest.raises(LibraryError, match="cannot be read"):
            read_text(path)


_NAMES = st.from_regex(r"\A[a-z_][a-z0-9_]{0,6}\Z")
_ATTRIBUTES = st.lists(st.tuples(_NAMES, st.text("AB!&{}();:/* 12", max_size=12)), max_size=4)
_TREES = st.recursive(
    st.tuples(_NAMES, _ATTRIBUTES, st.just([])),
    lambda inner: st.tuples(_NAMES, _ATTRIBUTES, st.lists(inner, max_size=3)),
    max_leaves=8,
)


@given(_TREES, st.sampled_from([" ", "\n", " /* } */ ", "\t\\\n"]))
def test_what_is_written_is_read_back(tree: tuple, space: str) -> None:  # type: ignore[type-arg]
    def write(name: str, attributes: list, groups: list) -> str:  # type: ignore[type-arg]
        body = [f'{name}:{space}"{value}";' for name, value in attributes]
        body += [write(*group) for group in groups]
        return f'{name}("{name}"){{{space}{space.join(body)}{space}}}'

    def names(tree: tuple) -> list[str]:  # type: ignore[type-arg]
        return [tree[0], *(name for group in tree[2] for name in names(group))]

    def check(group: Group, tree: tuple) -> None:  # type: ignore[type-arg]
        name, attributes, groups = tree
        assert (group.name, group.arguments) == (name, (name,))
        found = [(attribute.name, attribute.arguments[0]) for attribute in group.attributes]
        assert found == attributes
        assert len(group.groups) == len(groups)
        for child, expected in zip(group.groups, groups, strict=True):
            check(child, expected)

    top = ("library", tree[1], tree[2])
    group = parse(write(*top), descend=names(top))
    check(group, top)


def assert_library_or_library_error(text: str) -> None:
    try:
        group = parse(text)
    except LibraryError:
        return
    assert (group.name, text[group.end - 1]) == ("library", "}")


_SOUP = st.lists(
    st.sampled_from(
        [
            "library",
            "cell",
            "(",
            ")",
            "{",
            "}",
            ":",
            ";",
            '"',
            "\\",
            "\n",
            "/*",
            "*/",
            "//",
            "a",
            ",",
        ]
    ),
    max_size=60,
)


@given(_SOUP)
def test_any_soup_of_tokens_is_a_library_or_a_library_error(soup: list[str]) -> None:
    text = " ".join(soup)
    assert_library_or_library_error(text)


@given(st.data())
def test_any_damage_to_a_library_is_survived_or_a_library_error(data: st.DataObject) -> None:
    text = tiny.library()
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 40))
        text = text[:position] + data.draw(st.text(max_size=5)) + text[position + length :]
    assert_library_or_library_error(text)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_text_or_a_library_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, packed: bool
) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzz.lib"
    file.write_bytes((b"\x1f\x8b" if packed else b"") + content)
    try:
        text = read_text(file)
    except LibraryError:
        return
    assert packed or text.encode() == content
