"""A graph made by hand is checked: what is none is refused with the reason."""

import pytest

from kerassplit_widget.errors import ModelError
from kerassplit_widget.structure.graph import Call, LayerGraph, Tensor


def call(name, *inputs, shape=(None, 4), made_by=None, tensor=None, is_input=False):
    made = Tensor(tensor or name, made_by or name, 0, shape, "float32")
    return Call(name, "Dense", name, inputs, (made,), is_input=is_input)


X = call("x", is_input=True)


def test_a_graph_in_order_is_taken():
    graph = LayerGraph("g", (X, call("a", "x"), call("o", "a", "x")), ("x",), ("o",))
    assert graph.successors == ((1, 2), (2,), ())


@pytest.mark.parametrize(
    ("calls", "inputs", "outputs", "reason"),
    [
        ([call("a", "x", "b"), call("b", "a"), call("o", "b")], ["x"], ["o"], "'a' reads 'b'.*cycle has none"),
        ([call("a", "x", "a"), call("o", "a")], ["x"], ["o"], "'a' reads 'a', which is made by itself or after it"),
        ([call("o", "a"), call("a", "x")], ["x"], ["o"], "'o' reads 'a'.*topological order"),
        ([call("a", "x"), call("a", "x"), call("o", "a")], ["x"], ["o"], "Two calls of the graph 'g' are called 'a'"),
        ([call("a", "xx"), call("o", "a")], ["x"], ["o"], "'a' reads 'xx', which no call makes. The closest"),
        ([call("a", "x"), call("o", "a")], ["x"], ["no"], "'no' is given as an output of the graph 'g', but no tensor"),
        ([call("a", "x"), call("o", "a")], ["a"], ["o"], "'a' is given as an input of the graph 'g'.*is_input=True"),
        ([call("a", "x", shape=None), call("o", "a")], ["x"], ["o"], "'a' has the shape None: a shape is"),
        ([call("a", "x", shape=(None, -3)), call("o", "a")], ["x"], ["o"], r"'a' has the shape \(None, -3\)"),
        ([call("a", "x", made_by="b"), call("o", "a")], ["x"], ["o"], "output 'a' that is said to be made by 'b'"),
        ([call("a", "x", tensor="x"), call("o", "x")], ["x"], ["o"], "'a' has an output 'x'.*made twice"),
    ],
    ids=["cycle", "loop", "order", "names", "maker", "output", "input", "no shape", "negative", "foreign", "twice"],
)  # fmt: skip
def test_what_is_no_graph_is_refused(calls, inputs, outputs, reason):
    with pytest.raises(ModelError, match=reason):
        LayerGraph("g", (X, *calls), tuple(inputs), tuple(outputs))
