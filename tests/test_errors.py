"""What messages of errors end with."""

import pytest

from kerassplit_widget.errors import closest, first_line


@pytest.mark.parametrize(
    ("name", "names", "said"),
    [
        ("con1", ["conv1", "conv2", "dense"], "The closest names are 'conv1', 'conv2'."),
        ("CONV", ["conv", "dense"], "The closest name is 'conv'."),
        ("expand", ["height", "png"], "The names are 'height', 'png'."),
        ("xyz", ["only"], "The name is 'only'."),
        ("xyz", [], "There are none."),
        ("xyz", [f"layer_{i}" for i in range(9)], "No name comes close; `ks.read(model).names` lists them all."),
    ],
)
def test_closest_says_what_else_there_is(name, names, said):
    assert closest(name, names) == said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("\n  shapes differ \nlong story"), "shapes differ"),
        (
            TypeError("Exception encountered when calling D.call().\n\n\x1b[1mno strings\x1b[0m\n\nArguments:"),
            "no strings",
        ),
        (TypeError("Exception encountered when calling D.call()."), "Exception encountered when calling D.call()"),
        (KeyError(), "KeyError"),
        (ValueError("x" * 200), "x" * 159 + "…"),
    ],
)
def test_first_line_says_what_went_wrong(error, said):
    assert first_line(error) == said
