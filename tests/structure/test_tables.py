"""The one writer of tables: alignment, totals, escaping."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerassplit_widget.structure.tables import html_table, text_table

HEADERS = ("call", "kind", "bytes")
ROWS = [("stem", "Conv2D", "1.0 kB"), ("a", "Dense", "8 B")]


def test_names_go_left_and_numbers_right():
    assert text_table(HEADERS, ROWS, left=2, total=("total", "", "1.0 kB"), sentence="Two calls.").splitlines() == [
        "Two calls.",
        "call   kind     bytes",
        "stem   Conv2D  1.0 kB",
        "a      Dense      8 B",
        "total          1.0 kB",
    ]
    assert text_table(("part", "n"), [("a", "10")], left=0) == "part   n\n   a  10"


def test_lines_have_no_blanks_at_their_end():
    assert text_table(("a", "b"), [("…", "")]).splitlines() == ["a  b", "…"]


def test_a_table_may_be_empty_and_needs_no_sentence():
    assert text_table(HEADERS, []) == "call  kind  bytes"
    assert html_table(("a",), []) == (
        "<table><thead><tr><th style='text-align:left'>a</th></tr></thead><tbody></tbody></table>"
    )


def test_html_has_the_sentence_the_rows_and_the_total_in_its_foot():
    assert html_table(("a", "n"), [("x", "1")], total=("all", "1"), sentence="One.") == (
        "<p>One.</p><table>"
        "<thead><tr><th style='text-align:left'>a</th><th style='text-align:right'>n</th></tr></thead>"
        "<tbody><tr><td style='text-align:left'>x</td><td style='text-align:right'>1</td></tr></tbody>"
        "<tfoot><tr><th style='text-align:left'>all</th><th style='text-align:right'>1</th></tr></tfoot></table>"
    )


def test_a_note_goes_below():
    assert text_table(("a",), [("x",)], total=("y",), sentence="One.", note="<n>").splitlines()[-2:] == ["y", "<n>"]
    assert html_table(("a",), [("x",)], note="<n>").endswith("</tbody></table><p>&lt;n&gt;</p>")


@pytest.mark.parametrize("write", [text_table, html_table])
@pytest.mark.parametrize("wrong", [{"rows": [("a", "b")]}, {"rows": [], "total": ("a",)}])
def test_rows_of_another_length_are_refused(write, wrong):
    with pytest.raises(ValueError, match=r"with the columns call, kind, bytes cannot have the row \('a'"):
        write(HEADERS, **wrong)


class Reader(HTMLParser):
    """Reads a table back."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.cells = set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data


cells = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12) | st.sampled_from(
    ("<script>alert(1)</script>", "'\"onload=x ", "&amp;", "</td>")
)


@given(st.lists(st.tuples(cells, cells), max_size=4), st.tuples(cells, cells), cells)
def test_whatever_the_names_are_a_browser_reads_them_back(rows, total, sentence):
    reader = Reader()
    reader.feed(html_table(("a", "b"), rows, total=total, sentence=sentence))
    reader.close()
    assert reader.tags <= {"p", "table", "thead", "tbody", "tfoot", "tr", "td", "th"}
    assert reader.cells == ["a", "b", *(cell for row in rows for cell in row), *total]


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=4), st.integers(0, 2))
def test_columns_line_up(rows, left):
    first, *others = text_table(("a", "b"), rows, left=left).split("\n")
    width = max(len("a"), *(len(row[0]) for row in rows))
    for line, row in zip(others, rows, strict=True):
        padded = line.ljust(width)
        assert padded[:width] == (row[0].ljust(width) if left else row[0].rjust(width))
        assert line.rstrip().endswith(row[1].rstrip())
    assert len(first) <= width + 2 + max(1, *(len(row[1]) for row in rows))
