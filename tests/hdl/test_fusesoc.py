"""The FuseSoC core file names the files there are, and nothing else."""

import pytest
import yaml

from edarl.errors import ConfigError
from edarl.hdl.fusesoc import fusesoc_core
from edarl.prefix.circuits import Circuit


def test_a_core_lists_its_files_by_use_and_names_the_top_modules() -> None:
    text = fusesoc_core(
        Circuit("adder", 8),
        name="adder_8_0a1b",
        description='sum = a + b: "8" bits',
        rtl=["adder_8.v"],
        testbench=["adder_8_tb.v"],
        netlist=["adder_8_netlist.v"],
    )
    assert text.splitlines()[0] == "CAPI=2:"
    core = yaml.safe_load(text.split("\n", 1)[1])
    assert core["name"] == "edarl:prefix:adder_8_0a1b:1.0.0"
    assert core["description"] == 'sum = a + b: "8" bits'
    assert {key: entry["files"] for key, entry in core["filesets"].items()} == {
        "rtl": ["adder_8.v"],
        "tb": ["adder_8_tb.v"],
        "netlist": ["adder_8_netlist.v"],
    }
    assert core["targets"]["sim"]["filesets"] == ["rtl", "tb"]
    assert core["targets"]["sim"]["toplevel"] == "adder_8_tb"
    assert core["targets"]["default"] == {"filesets": ["rtl"], "toplevel": "adder_8"}


def test_what_is_not_there_has_no_fileset_and_no_target() -> None:
    text = fusesoc_core(Circuit("adder", 8), name="core_1", description="one", rtl=["a.v"])
    core = yaml.safe_load(text.split("\n", 1)[1])
    assert set(core["filesets"]) == {"rtl"}
    assert set(core["targets"]) == {"default"}


def test_a_core_needs_verilog_and_a_plain_name() -> None:
    with pytest.raises(ConfigError, match="at least one file"):
        fusesoc_core(Circuit("adder", 8), name="core_1", description="one", rtl=[])
    with pytest.raises(ConfigError):
        fusesoc_core(Circuit("adder", 8), name="a: b", description="one", rtl=["a.v"])
