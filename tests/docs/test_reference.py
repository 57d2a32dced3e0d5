"""Every public name has its entry in the reference and an example; every room is in the picture of the house."""

import re

import pytest

import kerassplit_widget as ks
from tests.docs.pages import PAGES, ROOT, blocks_of
from tests.test_architecture import ORDER

REFERENCE = [path for path in PAGES if path.parent.name == "reference"]


def entries():
    text = "\n".join(path.read_text() for path in REFERENCE)
    return re.findall(r"^\.\. auto(?:function|class|exception):: (\w+)$", text, re.MULTILINE)


def test_every_public_name_has_one_entry():
    assert len(entries()) == len(set(entries()))
    assert set(ks.__all__) <= set(entries())


def test_every_entry_is_documented():
    for name in entries():
        found = getattr(ks, name, None) or getattr(__import__("kerassplit_widget.errors").errors, name)
        assert found.__doc__, name


@pytest.mark.parametrize("name", ks.__all__)
def test_every_public_name_has_an_example(name):
    """In its docstring, or on its page of the reference."""
    code = [block.body for path in REFERENCE for block in blocks_of(path.read_text()) if block.language == "python"]
    assert "Examples\n" in getattr(ks, name).__doc__ or any(f"ks.{name}" in body for body in code)


def test_members_that_are_listed_exist():
    for path in REFERENCE:
        for name, members in re.findall(r"^\.\. autoclass:: (\w+)\n +:members: (.+)$", path.read_text(), re.MULTILINE):
            for member in members.split(", "):
                assert hasattr(getattr(ks, name), member), f"{name}.{member}"


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
