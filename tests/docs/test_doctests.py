"""The examples in the docstrings of every room run and show what they say; those of public names run anywhere."""

import doctest
import importlib
import pkgutil

import pytest

import kerassplit_widget as ks

MODULES = ["kerassplit_widget"]
MODULES += [found.name for found in pkgutil.walk_packages(ks.__path__, "kerassplit_widget.")]


def examples_of(thing, **options):
    found = doctest.DocTestFinder(exclude_empty=True).find(thing, **options)
    return [test for test in found if test.examples]


def run(test):
    report = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE, verbose=False)
    runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for test in examples_of(importlib.import_module(name)):
        run(test)


@pytest.mark.parametrize("name", ks.__all__)
def test_examples_of_public_names_bring_what_they_need(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for test in examples_of(getattr(ks, name), name=name, globs={}):
        run(test)


def test_most_rooms_have_examples():
    rooms = [name for name in MODULES if examples_of(importlib.import_module(name))]
    assert {"kerassplit_widget.structure.graph", "kerassplit_widget.models.splitting.parts"} <= set(rooms)
    assert len(rooms) > 25
