import pytest
from IPython.core.interactiveshell import InteractiveShell

from kerassplit_widget.display import notebook
from kerassplit_widget.errors import NamingError


@pytest.fixture
def shell(monkeypatch):
    shell = InteractiveShell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    return shell


def test_names_are_taken_apart():
    assert notebook.parse_names(" head , tail", 2) == ["head", "tail"]
    assert notebook.parse_names(["a", "b"], 2) == ["a", "b"]
    assert notebook.parse_names(" , tail, ", 3) == notebook.shown_names(",tail", 3) == ["part_1", "tail", "part_3"]
    assert notebook.parse_names("", 2) == ["part_1", "part_2"] and notebook.shown_names("a, b, c", 2) == ["a", "b"]
    assert notebook.default_names(3) == "part_1, part_2, part_3"
    assert notebook.good_names("a, b", 2) == ["a", "b"] and notebook.good_names("1st, b", 2) == ["part_1", "part_2"]
    assert [notebook.field_text("", 1), notebook.field_text("", 2)] == ["", "part_1, part_2"]
    assert [notebook.field_text(text, 1) for text in ("part_1, part_2", "a, b")] == ["", "a"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1st, b", "'1st' cannot name a variable: it is not a Python identifier"),
        ("a b, c", "'a b' cannot name a variable"),
        ("head tail", "it is not a Python identifier. Divide names by commas: head, tail."),
        ("head; tail", "Divide names by commas: head, tail."),
        (["part one", "b"], "Use letters, digits and underscores"),
        ("class, b", "'class' cannot name a variable: it is a Python keyword"),
        (["a", ""], "'' cannot name a variable"),
        ("a", "2 parts need 2 variable names; found 1: a. For example: part_1, part_2."),
        ("a, split", "'split' cannot name a part: the variable split holds all the parts together"),
        ("ks, b", "'ks' cannot name a part: the variable ks is this library in the code"),
        ("a, b, c", "2 parts need 2 variable names; found 3"),
        ("a, a", "a is given twice"),
        ("a; import os, b", "cannot name a variable"),
    ],
)
def test_bad_names_are_refused(text, words):
    with pytest.raises(NamingError) as caught:
        notebook.parse_names(text, 2)
    assert words in str(caught.value)


def test_without_a_notebook_nothing_is_set(monkeypatch):
    monkeypatch.setattr("IPython.get_ipython", lambda: None)
    assert notebook.put({"a": 1}) is False
    assert notebook.in_use(["a"]) == []
    assert notebook.model_variable(object()) == "model"


def test_variables_of_the_notebook(shell):
    model = object()
    shell.user_ns.update(_9=model, net=model, taken=1)
    assert notebook.model_variable(model) == "net"
    assert notebook.in_use(["taken", "free", "print"]) == ["taken", "print"]
    assert notebook.put({"free": 3}) is True
    assert shell.user_ns["free"] == 3
