"""The comparison with other ways to split counts what it says, and says the same on both pages."""

import re

from tests.docs.pages import ROOT, on_path
from tests.models import zoo


def test_counts_every_cut_once_for_each_way():
    with on_path(ROOT / "docs"):
        from alternatives import BROKEN, count
    table = count([zoo.sequential, zoo.tied_loop, zoo.masked_attention])
    cuts = sum(table["ks.split"].values())
    assert table["ks.split"] == {"right": cuts}
    assert all(sum(outcomes.values()) == cuts for outcomes in table.values())
    by_hand = table["keras.Model(middle, outputs)"]
    assert by_hand["right"] >= 3  # the chain, and where the loop is over
    assert by_hand["wrong"] + by_hand["refused"] + by_hand[BROKEN] >= 3


def test_both_pages_give_the_same_numbers():
    rows = [
        re.findall(r"^\| [^|]+\| \d+ \| \d+ \| \d+ \| \d+ \|$", (ROOT / name).read_text(), re.MULTILINE)
        for name in ("README.md", "docs/alternatives.md")
    ]
    numbers = [[re.findall(r"\| (\d+)(?= \|)", row) for row in found] for found in rows]
    assert len(numbers[0]) == 3 and numbers[0] == numbers[1]
