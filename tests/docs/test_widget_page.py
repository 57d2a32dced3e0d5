"""The page on the widget tells the keys that the widget's own help tells."""

import re

from tests.docs.pages import ROOT


def plain(text):
    return " ".join(text.replace("`", "").split())


def test_the_keys_are_those_of_the_help():
    source = (ROOT / "js" / "src" / "shell.ts").read_text()
    listed = re.search(r"const KEYS\b[^=]*= \[\n(.*?)^\];", source, re.MULTILINE | re.DOTALL)[1]
    told = re.findall(r'\[\s*"([^"]+)",\s*"([^"]+)",?\s*\]', listed)
    page = (ROOT / "docs" / "widget.md").read_text()
    table = re.search(r"^\| keys \| what they do \|\n\|---\|---\|\n(.*?)\n\n", page, re.MULTILINE | re.DOTALL)[1]
    rows = [line.strip("|").split(" | ") for line in table.splitlines()]
    assert len(told) > 8
    assert [(plain(keys), plain(what)) for keys, what in rows] == [(plain(keys), plain(what)) for keys, what in told]
