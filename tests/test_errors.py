"""What messages of errors end with."""

import pytest

from kerassplit_widget.errors import closest


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
