from dataclasses import replace

import pytest

from kerassplit_widget.errors import PointError
from kerassplit_widget.structure.costs import CallCosts, CostTable

X = CallCosts("x", "InputLayer", "x", output_bytes=32)
DENSE = CallCosts("d", "Dense", "d", 18, 72, 8, 16, 34)
AGAIN = CallCosts("d#2", "Dense", "d", 0, 0, 8, 16, 34, tied_to="d")
STRANGE = CallCosts("odd", "Odd", "odd", 3, 12, None, None, None, why="nobody knows")


def test_totals():
    table = CostTable("tiny", (X, DENSE, AGAIN))
    assert (table.total_params, table.total_param_bytes, table.total_macs, table.total_flops) == (18, 72, 32, 68)
    assert table.unknown == ()
    assert len(table) == 3 and [row.name for row in table] == ["x", "d", "d#2"]
    assert table["d#2"].tied_to == "d"
    assert "d" in table and "e" not in table


def test_unknown_is_never_zero():
    table = CostTable("tiny", (X, DENSE, STRANGE))
    assert (table.total_params, table.total_param_bytes) == (21, 84)
    assert table.total_macs is None and table.total_flops is None
    assert table.unknown == ("odd",)
    assert table.sentence() == "tiny: 3 calls, 21 parameters (84 B), at least 34 FLOPs; unknown: odd"
    row = next(line for line in repr(table).splitlines() if line.startswith("odd"))
    assert row.split() == ["odd", "Odd", "3", "12", "B", "size", "unknown", "unknown", "unknown"]


def test_why_something_is_unknown_stands_below_the_table():
    table = CostTable("tiny", (X, DENSE, STRANGE))
    assert repr(table).splitlines()[-1] == "The work of odd is unknown: nobody knows."
    assert table._repr_html_().endswith("<p>The work of odd is unknown: nobody knows.</p>")
    more = CostTable("tiny", (STRANGE, replace(STRANGE, name="other", why="it is secret")))
    assert repr(more).endswith("unknown: nobody knows. Other calls have other reasons, in their .why.")
    assert repr(CostTable("tiny", (X, DENSE))).splitlines()[-1].startswith("total")


def test_unknown_bytes_of_parameters():
    assert CostTable("m", (CallCosts("a", "A", "a", 1, None),)).total_param_bytes is None


def test_columns():
    columns = CostTable("tiny", (X, STRANGE)).to_dict()
    assert columns["name"] == ["x", "odd"]
    assert columns["flops"] == [0, None]
    assert columns["why"] == ["", "nobody knows"]
    assert {len(column) for column in columns.values()} == {2}


def test_names_that_are_not_there():
    with pytest.raises(PointError, match=r"No call of 'tiny' is named 'dd'. The closest name is 'd'."):
        CostTable("tiny", (X, DENSE))["dd"]


def test_text_has_the_totals_and_is_abbreviated():
    table = CostTable("long", tuple(CallCosts(f"c{i}", "Dense", f"c{i}", 1, 4, 4, 1, 2) for i in range(100)), 8)
    lines = repr(table).splitlines()
    assert lines[0] == "long: 100 calls, 100 parameters (400 B), 100 MACs, 200 FLOPs for a batch of 8"
    assert len(lines) == 1 + 1 + 24 + 1 + 1
    assert lines[1 + 1 + 12].strip() == "…"
    assert lines[-2].startswith("c99") and lines[-1].split() == ["total", "100", "400", "B", "100", "200"]


def test_html_is_escaped():
    name = "<img src=q onerror=alert(1)>"
    text = CostTable("<b>m</b>", (CallCosts(name, "<i>", "a", tied_to="<u>"),))._repr_html_()
    for bad in ("<img", "<b>", "<i>", "<u>"):
        assert bad not in text
    assert "&lt;img src=q onerror=alert(1)&gt;" in text and "tied to &lt;u&gt;" in text
