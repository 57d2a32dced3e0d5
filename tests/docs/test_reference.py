"""Every public name has its entry in the reference and an example; every room is in the picture of the house."""

import importlib
import re
from dataclasses import fields
from types import FunctionType

import pytest

import kerassplit_widget as ks
from tests.docs.pages import PAGES, ROOT
from tests.test_architecture import ORDER

REFERENCE = [path for path in PAGES if path.parent.name == "reference"]


ROWS = ("Call", "Tensor", "CallCosts", "Segment", "Stage", "Loads", "Check")
"""Classes that nobody makes, and everybody reads who reads a graph, a table, a plan or a proof."""


def entries():
    """Yield of each entry the module, the name, and the members that are listed (None where all are)."""
    module = ""
    for path in REFERENCE:
        for line in path.read_text().splitlines():
            if found := re.match(r"\.\. currentmodule:: (\S+)", line):
                module = found[1]
            elif found := re.match(r"\.\. auto(?:function|class|exception):: (\w+)$", line):
                members = re.search(rf"^{re.escape(line)}\n +:members: (.+)$", path.read_text(), re.MULTILINE)
                yield module, found[1], members and set(members[1].split(", "))


def named():
    return [name for _, name, _ in entries()]


def test_every_public_name_has_one_entry():
    assert len(named()) == len(set(named()))
    assert {*ks.__all__, *ROWS} <= set(named())


def test_every_entry_is_documented():
    for module, name, _ in entries():
        assert getattr(importlib.import_module(module), name).__doc__, name


@pytest.mark.parametrize("name", ROWS)
def test_every_field_of_a_row_is_described(name):
    module = next(module for module, each, _ in entries() if each == name)
    row = getattr(importlib.import_module(module), name)
    described = re.findall(r"^    (\w+(?:, \w+)*) : ", row.__doc__, re.MULTILINE)
    assert {field.name for field in fields(row)} == {each for names in described for each in names.split(", ")}


@pytest.mark.parametrize("name", ks.__all__)
def test_every_public_name_has_an_example(name):
    assert "Examples\n" in getattr(ks, name).__doc__


def test_the_members_that_are_listed_are_those_that_there_are():
    for module, name, listed in entries():
        if listed is not None:
            own = vars(getattr(importlib.import_module(module), name))
            kinds = (FunctionType, property, classmethod)
            public = {key for key, value in own.items() if isinstance(value, kinds) and not key.startswith("_")}
            assert listed == public, name


def test_every_page_is_in_the_contents():
    index = (ROOT / "docs" / "index.md").read_text()
    pages = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    listed = set(re.findall(r"^[a-z][\w/]*$", index, re.MULTILINE))
    assert pages - {"index"} == listed


def test_every_notebook_is_listed():
    page = (ROOT / "docs" / "tutorials.md").read_text()
    assert set(re.findall(r"`(\w+\.ipynb)`", page)) == {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}


def test_every_room_is_in_the_picture_of_the_house():
    house = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`(\w+)`", house))
    assert {entry.split(".")[-1] for entry in ORDER} <= named
