"""Looking inside layers: what a composite layer or a subclassed model calls, as a graph.

``layer.call`` is run on symbolic tensors, on a twin, so that the user's layer is not touched. What comes out is checked
against the layer itself before it is believed: on other weights (so that no weight was frozen into a constant), at two
shapes where dimensions are unknown (so that no length was), and for training (so that no branch was). What does not
pass stays one call, with the reason.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerassplit_widget.errors import first_line
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.keras_internals import Node, Operation
from kerassplit_widget.models.twins import Copies, Twins

__all__ = ["Body", "Refusal", "can_be_opened", "trace"]

SIZES = (3, 5)
"""Two sizes for unknown dimensions, unlike each other and unlike most dimensions that are known."""


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error
    """Why a layer stays one call."""


@dataclass(frozen=True, slots=True)
class Body:
    """What is inside of a group.

    Attributes
    ----------
    inputs, outputs : list of keras.KerasTensor
        Flat; they stand for what is fed to the group's call and for what it returns.
    nodes : list of Node
        In topological order.
    traced : bool
        Whether a tensor that is fed twice is one input here (and not two, as in a nested model).
    """

    inputs: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]
    nodes: list[Node]
    traced: bool = False

    @classmethod
    def of_function(cls, function: internals.Functional) -> Body:
        """Return the body of a nested model, which holds its graph itself."""
        return cls(function.inputs, function.outputs, list(internals.nodes_in_order(function)))


def can_be_opened(operation: Operation) -> bool:
    """Tell whether it is worth looking inside: a layer with layers in it, that is no graph of layers already."""
    if not isinstance(operation, keras.layers.Layer) or not internals.inner_layers(operation):
        return False
    return internals.function_of(operation) is None


def trace(node: Node, twins: Twins) -> Body:
    """Find out what a call of a composite layer does inside.

    Parameters
    ----------
    node : Node
        The call.
    twins : Twins
        The layers inside are twins of these; the same for all calls of a layer.

    Returns
    -------
    Body

    Raises
    ------
    Refusal
        If that cannot be done faithfully; says why.
    """
    layer = node.operation
    _refuse_what_cannot_be_seen(node)
    body = _trace(node, twins.of(layer))
    if internals.takes_training(layer) and _outline(body) != _outline(_trace(node, Twins().of(layer), training=True)):
        raise Refusal("its call() does something else in training")
    _check(node, body)
    return body


def _refuse_what_cannot_be_seen(node: Node) -> None:
    layer = node.operation
    if any(internals.mask_of(tensor) is not None for tensor in node.input_tensors):
        raise Refusal("a mask travels hidden into it")
    if layer.activity_regularizer is not None:
        raise Refusal("it regularises its output")
    floats = [tensor.dtype for tensor in node.input_tensors if "float" in tensor.dtype]
    if any(dtype != layer.compute_dtype for dtype in floats):
        raise Refusal(f"it converts its input to {layer.compute_dtype}")


def _trace(node: Node, twin: Any, training: bool | None = None) -> Body:
    """Run ``call`` of a twin on fresh symbolic tensors and collect the calls that it makes."""
    fresh: dict[int, keras.KerasTensor] = {}

    def fill(tensor: keras.KerasTensor) -> keras.KerasTensor:
        return fresh.setdefault(id(tensor), internals.input_like(tensor, f"fed_{len(fresh)}"))

    with internals.fresh_names():
        arguments = internals.refill(node, fill)
        if training is not None:
            arguments = internals.with_keyword(arguments, "training", training)
        try:
            with _opening_inside(twin), keras.StatelessScope() as scope:
                results = twin.call(*arguments.args, **arguments.kwargs)
        except Exception as error:
            unknown = any(None in tensor.shape for tensor in node.input_tensors)
            hint = "; input_shapes= may help, which fixes unknown dimensions" if unknown else ""
            raise Refusal(f"its call() cannot be traced: {first_line(error)}{hint}") from None
    _refuse_assignments(twin, scope)
    outputs = keras.tree.flatten(results)
    if len(outputs) != len(node.outputs) or not all(isinstance(x, keras.KerasTensor) for x in outputs):
        raise Refusal("its call() does not return the tensors that the layer returns")
    inputs = [fresh[key] for key in dict.fromkeys(map(id, node.input_tensors))]
    return Body(inputs, outputs, list(_made_between(inputs, outputs)), traced=True)


@contextlib.contextmanager
def _opening_inside(twin: Any) -> Iterator[None]:
    """Let the layers inside a twin be traced through where Keras cannot record a call of theirs.

    That is so for layers that return None beside a tensor, or take what ``compute_output_spec`` does not know, such as
    attention with a cache that is not used. The layers are twins; they get their classes back afterwards.
    """
    layers: dict[int, Any] = {id(layer): layer for layer in internals.layers_within(twin)}
    classes = {key: type(layer) for key, layer in layers.items()}
    for key, layer in layers.items():
        opening = types.new_class(classes[key].__name__, (classes[key],), exec_body=_opening(classes[key]))
        object.__setattr__(layer, "__class__", opening)
    try:
        yield
    finally:
        for key, layer in layers.items():
            object.__setattr__(layer, "__class__", classes[key])


def _opening(cls: Any) -> Callable[[dict[str, Any]], None]:
    """Give what makes a subclass whose calls are traced through if they cannot be recorded."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return cls.__call__(self, *args, **kwargs)
        except Exception as error:
            try:
                return self.call(*args, **kwargs)  # whether that is the same is checked afterwards
            except Exception:
                raise error from None

    return lambda namespace: namespace.update(__call__=call)


def _made_between(inputs: Sequence[keras.KerasTensor], outputs: Sequence[keras.KerasTensor]) -> Iterator[Node]:
    """Yield the calls that lead from some symbolic tensors to others, in topological order."""
    done = {id(tensor) for tensor in inputs}
    yielded: set[int] = set()
    stack = list(outputs)
    while stack:
        tensor = stack[-1]
        if id(tensor) in done:
            stack.pop()
            continue
        made = internals.node_of(tensor)
        if made is None or made.is_input:
            raise Refusal("its call() makes tensors that do not come from its inputs")
        missing = [each for each in made.input_tensors if id(each) not in done]
        if missing:
            stack.extend(missing)
            continue
        done.update(map(id, made.outputs))
        if id(made) not in yielded:
            yielded.add(id(made))
            _refuse_variables(made)
            yield made
        stack.pop()


def _refuse_variables(node: Node) -> None:
    for value in keras.tree.flatten((node.arguments.args, node.arguments.kwargs)):
        if isinstance(value, keras.Variable):
            raise Refusal(f"its call() uses a variable of its own, {value.name!r}")
        if isinstance(value, keras.random.SeedGenerator):
            raise Refusal("its call() draws random numbers itself")


def _refuse_assignments(twin: Any, scope: keras.StatelessScope) -> None:
    """Refuse a layer that changes variables itself, in `call`, of which nothing is in the graph of its calls.

    What a layer inside changes in its own call (`BatchNormalization`) goes to a scope of that call.
    """
    if not scope.state_mapping:
        return
    changed = [variable for variable in twin.variables if id(variable) in scope.state_mapping]
    if any(variable.name == "seed_generator_state" for variable in changed):
        raise Refusal("its call() draws random numbers itself")
    if not changed:
        raise Refusal("its call() assigns to a variable")
    raise Refusal(f"its call() assigns to {'/'.join(changed[0].path.split('/')[-2:])!r}")


def _outline(body: Body) -> list[tuple[str, str, int]]:
    return [(type(n.operation).__name__, n.operation.name, len(n.input_tensors)) for n in body.nodes]


def _check(node: Node, body: Body) -> None:
    """Compare what was traced with the layer itself, on weights that were changed after tracing."""
    copies = Copies()
    twin = Twins(copies).of(node.operation)
    again = _trace(node, twin)
    if _outline(again) != _outline(body):
        raise Refusal("its call() does not do the same every time")
    generator = np.random.default_rng(0)
    for variable in copies.variables():
        if "float" in variable.dtype:
            variable.assign(generator.uniform(0.05, 0.3, variable.shape))
    unknown = any(None in tensor.shape[1:] for tensor in again.inputs)
    for size in SIZES if unknown else SIZES[:1]:
        given = {id(tensor): _example(tensor, size, generator) for tensor in again.inputs}
        _compare(node, twin, again, given)
    if twin.losses:
        raise Refusal("its call() adds losses")


def _compare(node: Node, twin: Any, body: Body, given: dict[int, Any]) -> None:
    fed = dict(zip(dict.fromkeys(map(id, node.input_tensors)), body.inputs, strict=True))
    arguments = internals.refill(node, lambda tensor: given[id(fed[id(tensor)])])
    try:
        expected = keras.tree.flatten(twin(*arguments.args, **arguments.kwargs))
    except Exception as error:
        raise Refusal(f"it could not be run to check the trace: {first_line(error)}") from None
    try:
        known = dict(given)
        for each in body.nodes:
            inner = internals.refill(each, lambda tensor: known[id(tensor)])
            results = keras.tree.flatten(each.operation(*inner.args, **inner.kwargs))
            known.update(zip(map(id, each.outputs), results, strict=True))
        found = [known[id(tensor)] for tensor in body.outputs]
    except Exception as error:
        raise Refusal(f"what was traced holds for one shape only: {first_line(error)}") from None
    for a, b in zip(expected, found, strict=True):
        x, y = keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b)
        if x.shape != y.shape or not np.array_equal(x, y, equal_nan=x.dtype.kind == "f"):
            raise Refusal("what was traced is not the layer when its weights change: it may use some of them directly")


def _example(tensor: keras.KerasTensor, size: int, generator: np.random.Generator) -> Any:
    """Make an input of a kind. Whole numbers are 0 or 1, which every vocabulary knows."""
    shape = tuple((2 if axis == 0 else size) if dim is None else dim for axis, dim in enumerate(tensor.shape))
    if "float" in tensor.dtype:
        return keras.ops.convert_to_tensor(generator.standard_normal(shape).astype("float32"), dtype=tensor.dtype)
    return keras.ops.cast(generator.integers(0, 2, shape), tensor.dtype)
