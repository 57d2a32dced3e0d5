"""The comparison with other ways to split: both pages say what counting it gives."""

import re

import keras

from tests.docs.pages import ROOT, on_path

PAGES = ("README.md", "docs/alternatives.md")
WAYS = {
    "`keras.Model(middle, outputs)`": "keras.Model(middle, outputs)",
    "calling the layers anew, from the outputs back": "recursion",
    "`ks.split`": "ks.split",
}


def said(page):
    """The text of a page, and for each way: right, refused, wrong, right but no longer to be saved."""
    text = (ROOT / page).read_text()
    rows = re.findall(r"^\| ([^|]+?)(?:, stock Keras)? \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
    return text, {WAYS[way]: [int(number) for number in numbers] for way, *numbers in rows}


def test_the_pages_say_what_is_counted():
    """In one test, as counting takes 20 seconds."""
    with on_path(ROOT / "docs"):
        from alternatives import BROKEN, chosen, count
    makers = chosen()
    found = count(makers)
    table = {way: [outcomes[each] for each in ("right", "refused", "wrong", BROKEN)] for way, outcomes in found.items()}
    cuts = table["ks.split"][0]
    assert table["ks.split"] == [cuts, 0, 0, 0]
    assert {sum(outcomes) for outcomes in table.values()} == {cuts}
    for text, rows in map(said, PAGES):
        assert f"{len(makers)} small models" in text
        assert rows["ks.split"] == table["ks.split"]
        release = re.search(r"Keras (\d+\.\d+)\b[^|]*`python docs/alternatives\.py` counts again", text)[1]
        if keras.__version__.startswith(f"{release}."):  # with another one, what others do may be another
            assert rows == table


def test_both_pages_say_the_same():
    (readme, rows), (_, others) = map(said, PAGES)
    assert len(rows) == 3 and rows == others
    assert f"{rows['ks.split'][0]} cuts" in readme
