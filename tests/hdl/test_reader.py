import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import NetlistError
from edarl.hdl import reader
from edarl.hdl.netlist import Instance, MappedNetlist
from edarl.hdl.reader import read_mapped_verilog
from edarl.hdl.verilog import mapped_verilog
from edarl.prefix.circuits import Port

SMALL = MappedNetlist(
    "adder_2",
    (Port("a", "input", 2), Port("cin", "input", 1), Port("sum", "output", 2)),
    (
        Instance("NAND2_X1", (("A1", "a[0]"), ("A2", "cin"), ("ZN", "n1"))),
        Instance("INV_X1", (("A", "n1"), ("ZN", "sum[1]"))),
    ),
    (("sum[0]", "a[1]"),),
)
SMALL_TEXT = """\
// what it is
module adder_2 (
  input [1:0] a,
  input cin,
  output [1:0] sum
);
  wire n1;
  NAND2_X1 u0 (.A1(a[0]), .A2(cin), .ZN(n1));
  INV_X1 u1 (.A(n1), .ZN(sum[1]));
  assign sum[0] = a[1];
endmodule
"""

awkward_names = st.text(
    st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=6
).filter(lambda name: name not in ("0", "1")) | st.sampled_from(
    ["wire", "u0", "u", "a[1]", "x[0]", "module", "endmodule", "1'b0", "\\", "//", "/*", "a b"[:1]]
)


@st.composite
def netlists(draw: st.DrawFn) -> MappedNetlist:
    names = draw(st.lists(awkward_names, min_size=2, max_size=5, unique=True))
    ports = tuple(
        Port(name, "output" if index == 0 else draw(st.sampled_from(["input", "output"])),
             draw(st.integers(1, 4)))
        for index, name in enumerate(names)
    )  # fmt: skip
    buses = {port.name for port in ports if port.width > 1}
    bits = [bit for port in ports for bit in reader.port_bits(port)]
    outputs = [b for p in ports if p.direction == "output" for b in reader.port_bits(p)]
    nets = st.sampled_from([*bits, "0", "1"]) | awkward_names.filter(lambda net: net not in buses)
    pins = st.lists(awkward_names, min_size=1, max_size=4, unique=True)
    instances = [
        Instance(draw(awkward_names), tuple((pin, draw(nets)) for pin in draw(pins)))
        for _ in range(draw(st.integers(0, 4)))
    ]
    aliased = draw(st.lists(st.sampled_from(outputs), max_size=3, unique=True))
    aliases = tuple((net, draw(nets)) for net in aliased)
    return MappedNetlist(draw(awkward_names), ports, tuple(instances), aliases)


def test_the_writer_gives_the_known_text() -> None:
    assert mapped_verilog(SMALL, "what it is") == SMALL_TEXT


def test_the_reader_gives_the_netlist_back() -> None:
    assert read_mapped_verilog(SMALL_TEXT) == SMALL


@given(netlists())
def test_any_netlist_survives_writing_and_reading(netlist: MappedNetlist) -> None:
    ambiguous = [
        port.name for port in netlist.ports
        for bus in netlist.ports if bus.width > 1 and port.name in reader.port_bits(bus)
    ]  # fmt: skip
    if ambiguous:
        with pytest.raises(NetlistError, match="stand for two things"):
            mapped_verilog(netlist)
        return
    text = mapped_verilog(netlist, "header\n\n// more endmodule")
    assert read_mapped_verilog(text) == netlist
    assert mapped_verilog(read_mapped_verilog(text), "header\n\n// more endmodule") == text


def test_layout_and_comments_do_not_matter() -> None:
    text = SMALL_TEXT.replace("  wire n1;", "/* two\nlines */ wire n1 , n2 ; // n3").replace(
        "(.A1(a[0]), ", "(\n\t.A1 ( a [ 0 ] ) ,\r\n"
    )
    assert read_mapped_verilog(text) == SMALL


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("module adder_2", "modul adder_2", "line 2: expected 'module', actual: 'modul'"),
        ("adder_2 (", "wire (", "line 2: expected the module's name, actual: 'wire'"),
        ("[1:0] a", "[1:1] a", "line 3: expected a bit number between 0 and 0, actual: '1'"),
        ("[1:0] a", "[0:0] a", "line 3: a one-bit port should be declared without"),
        ("[1:0] a", "[99999:0] a", "line 3: expected a bit number between 0 and 4095"),
        ("[1:0] a", "[9999999999:0] a", "line 3: this is not part of a mapped netlist"),
        ("input cin", "inout cin", "line 4: expected input or output, actual: 'inout'"),
        ("input cin", "input a", "line 4: 'a' is declared twice"),
        ("wire n1", "wire cin", "line 7: 'cin' is declared twice"),
        ("wire n1", r"wire n1, \a[1] ", r"line 7: the net 'a\[1\]' has a bus bit's name"),
        ("wire n1;", "", "line 8: the net 'n1' is not declared"),
        ("a[0]", "a[2]", "line 8: expected a bit number between 0 and 1, actual: '2'"),
        ("a[0]", "a", "line 8: expected one bit, actual: the whole bus 'a'"),
        ("a[0]", "cin[0]", r"line 8: expected '\)', actual: '\['"),
        ("a[0]", "1'bx", "line 8: this is not part of a mapped netlist"),
        ("a[0]", "", r"line 8: expected a net, actual: '\)'"),
        ("a[0]", "{a[0], cin}", "line 8: this is not part of a mapped netlist"),
        (".A2(", ".A1(", "line 8: the pin 'A1' is connected twice"),
        ("u0 (", "u0 #(", "line 8: this is not part of a mapped netlist"),
        ("u1", "u0", "line 9: 'u0' is declared twice"),
        ("u1", "n1", "line 9: 'n1' is declared twice"),
        ("assign sum[0]", "assign n1", "line 10: only bits of output ports .*, actual: 'n1'"),
        ("= a[1];", "= ~a[1];", "line 10: this is not part of a mapped netlist"),
        ("= a[1];", "= a[1]; assign sum[0] = cin;", "line 10: only bits of output ports"),
        ("endmodule\n", "", "expected wire, assign, endmodule or a cell, actual: the end"),
        ("endmodule\n", "endmodule module", "line 11: expected nothing after endmodule"),
        ("// what it is", "`include \"file\"", "line 1: this is not part of a mapped netlist"),
        ("// what it is", "/* never closed", "line 1: this is not part of a mapped netlist"),
        ("  wire n1;", "  initial wire n1;", "line 7: expected wire, assign, endmodule or a cell"),
    ],
)  # fmt: skip
def test_what_is_not_the_subset_is_refused_with_its_line(old: str, new: str, message: str) -> None:
    assert old in SMALL_TEXT
    with pytest.raises(NetlistError, match=message):
        read_mapped_verilog(SMALL_TEXT.replace(old, new, 1))


def test_very_long_texts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_TEXT_LENGTH", 10)
    with pytest.raises(NetlistError, match="at most 10 characters, actual: "):
        read_mapped_verilog(SMALL_TEXT)


@given(st.text(max_size=200))
def test_arbitrary_text_gives_a_netlist_error(text: str) -> None:
    with pytest.raises(NetlistError, match="line"):
        read_mapped_verilog(text)


@given(
    st.integers(0, len(SMALL_TEXT)), st.integers(0, 12), st.text(" \n;,.()[]:\\ax01'/*", max_size=4)
)
def test_damaged_text_is_read_well_or_refused(position: int, cut: int, inserted: str) -> None:
    text = SMALL_TEXT[:position] + inserted + SMALL_TEXT[position + cut :]
    try:
        netlist = read_mapped_verilog(text)
    except NetlistError:
        netlist = None
    if netlist is None:
        with pytest.raises(NetlistError, match=r"\Aline \d+: "):
            read_mapped_verilog(text)
    else:
        assert read_mapped_verilog(mapped_verilog(netlist)) == netlist


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (MappedNetlist("m", SMALL.ports, (Instance("C", (("A", "a"),)),)), "buses: a"),
        (MappedNetlist("m", SMALL.ports, (Instance("C", ()),)), "pins of a C .* actual pins: none"),
        (MappedNetlist("m", SMALL.ports, (Instance("C", (("A", "0"), ("A", "1"))),)), "pins: A, A"),
        (MappedNetlist("m", SMALL.ports, (Instance("a b", (("A", "0"),)),)), "'a b'"),
        (MappedNetlist("m", SMALL.ports, (), (("cin", "0"),)), "not: cin"),
        (MappedNetlist("m", SMALL.ports, (), (("sum[0]", "0"), ("sum[0]", "1"))), r"not: sum\[0\]"),
        (MappedNetlist("m", (Port("0", "input", 1),), ()), "not be 0 or 1: 0"),
        (MappedNetlist("m", SMALL.ports * 2, ()), "should differ .*: a, cin, sum"),
    ],
)  # fmt: skip
def test_the_writer_refuses_what_would_not_be_read_back(
    changed: MappedNetlist, message: str
) -> None:
    with pytest.raises(NetlistError, match=message):
        mapped_verilog(changed)
