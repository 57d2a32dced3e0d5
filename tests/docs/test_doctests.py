"""The examples in the docstrings of every room run and show what they say."""

import doctest
import importlib
import pkgutil

import pytest

import kerassplit_widget as ks

MODULES = ["kerassplit_widget"]
MODULES += [found.name for found in pkgutil.walk_packages(ks.__path__, "kerassplit_widget.")]


def examples_of(module):
    found = doctest.DocTestFinder(exclude_empty=True).find(module)
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for test in examples_of(importlib.import_module(name)):
        report = []
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE, verbose=False)
        runner.run(test, out=report.append)
        assert not runner.failures, "".join(report)


def test_most_rooms_have_examples():
    rooms = [name for name in MODULES if examples_of(importlib.import_module(name))]
    assert {"kerassplit_widget.structure.graph", "kerassplit_widget.models.splitting.parts"} <= set(rooms)
    assert len(rooms) > 25
