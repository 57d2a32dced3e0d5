"""Looking inside layers: what a composite layer or a subclassed model calls, as a graph.

``layer.call`` is run on symbolic tensors, on a twin, so that the user's layer is not touched. What comes out is checked
before it is believed. It is compared with other traces: in and out of training, and at sizes that are known where they
were unknown, so that no branch was missed. And it is run as a part would be, beside the layer itself: on other weights
(so that no weight was frozen into a constant), at two shapes (so that no length was), in and out of training. What does
not pass stays one call, with the reason.
"""

from __future__ import annotations

import contextlib
import itertools
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import keras
import numpy as np

from kerassplit_widget.errors import SplitError, first_line
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.bodies import Body
from kerassplit_widget.models.constants import Constants
from kerassplit_widget.models.keras_internals import Node, Operation
from kerassplit_widget.models.twins import Copies, Twins

__all__ = ["Refusal", "Unfit", "can_be_opened", "glance", "trace"]

TRACES = ((True, 16, 512), (False, 1, 1))
"""Further traces: ``training``, and sizes for an unknown batch and for other unknown dimensions. Nothing is computed in
them, so that large sizes cost no more than small ones."""

RUNS = ((None, 1, 3), (True, 3, 5))
"""The same for runs, with sizes unlike each other and unlike most dimensions that are known."""

_HINT = "; input_shapes= may help, which fixes unknown dimensions"

_Outline: TypeAlias = list[Any]


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error
    """Why a layer stays one call."""


class Unfit(Refusal):
    """Its call() fails on tensors of these kinds and sizes."""


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
    _compare_traces(node, twins.of(layer), body)
    _compare_runs(node, body)
    return body


def glance(node: Node, twins: Twins) -> Body:
    """As `trace`, without the checks: what a call seems to do inside."""
    return _trace(node, twins.of(node.operation))


def _refuse_what_cannot_be_seen(node: Node) -> None:
    layer = node.operation
    if any(internals.mask_of(tensor) is not None for tensor in node.input_tensors):
        raise Refusal("a mask travels hidden into it")
    if layer.activity_regularizer is not None:
        raise Refusal("it regularises its output")
    floats = [tensor.dtype for tensor in node.input_tensors if "float" in tensor.dtype]
    if any(dtype != layer.compute_dtype for dtype in floats):
        raise Refusal(f"it converts its input to {layer.compute_dtype}")


def _trace(node: Node, twin: Any, training: bool | None = None, *sizes: int) -> Body:
    """Run ``call`` of a twin on fresh symbolic tensors and collect the calls that it makes."""
    fresh: dict[int, keras.KerasTensor] = {}
    constants = Constants()

    def fill(tensor: keras.KerasTensor) -> keras.KerasTensor:
        shape = _shape(tensor, *sizes) if sizes else None
        return fresh.setdefault(id(tensor), internals.input_like(tensor, f"fed_{len(fresh)}", shape=shape))

    with internals.fresh_names():
        arguments = internals.refill(node, fill)
        keywords = dict(arguments.kwargs) if training is None else {**arguments.kwargs, "training": training}
        taken = internals.as_call_takes(twin, keywords)
        try:
            inside = internals.inside_call(twin, keywords.get("training"))
            with _opening_inside(twin, constants), inside, keras.StatelessScope() as scope:
                results = twin.call(*arguments.args, **taken)
        except Exception as error:
            hint = _HINT if _unknown(node) else ""
            raise Unfit(f"its call() cannot be traced: {first_line(error)}{hint}") from None
        _refuse_assignments(twin, scope)
        outputs = keras.tree.flatten(results)
        if len(outputs) != len(node.outputs) or not all(isinstance(x, keras.KerasTensor) for x in outputs):
            raise Refusal("its call() does not return the tensors that the layer returns")
        inputs = [fresh[key] for key in dict.fromkeys(map(id, node.input_tensors))]
        if constants.tensors:
            between = list(_made_between([*inputs, *constants.tensors], outputs))
            try:
                constants.put_in(between, inputs)
            except Exception as error:
                raise Refusal(
                    f"a layer that it calls on a constant has no place in a graph: {first_line(error)}"
                ) from None
    nodes = list(_made_between(inputs, outputs))
    if training is not None:
        _refuse_own_training(nodes, training)
    return Body(inputs, outputs, nodes, traced=True)


def _refuse_own_training(nodes: Iterable[Node], training: bool) -> None:
    """Refuse a layer that does not hand on the ``training`` that it is called with.

    Parts hand on what they are called with. Keras notes what the layers inside got, given or not.
    """
    for node in nodes:
        given = node.arguments.kwargs.get("training") if isinstance(node.operation, keras.layers.Layer) else None
        if given is not None and bool(given) is not training:
            name = node.operation.name
            raise Refusal(f"its call() gives {name!r} a training= of its own, which parts would not keep")


@contextlib.contextmanager
def _opening_inside(twin: Any, constants: Constants) -> Iterator[None]:
    """Let the layers inside a twin be called on constants, and be traced through where Keras cannot record their calls.

    It cannot where they return None beside a tensor, or take what ``compute_output_spec`` does not know, such as
    attention with a cache that is not used. The layers are twins; they get their classes back afterwards.
    """
    layers: dict[int, Any] = {id(layer): layer for layer in internals.layers_within(twin)}
    classes = {key: type(layer) for key, layer in layers.items()}
    for key, layer in layers.items():
        opening = types.new_class(classes[key].__name__, (classes[key],), exec_body=_opening(classes[key], constants))
        object.__setattr__(layer, "__class__", opening)
    try:
        yield
    finally:
        for key, layer in layers.items():
            object.__setattr__(layer, "__class__", classes[key])


def _opening(cls: Any, constants: Constants) -> Callable[[dict[str, Any]], None]:
    """Give what makes a subclass whose calls are traced through if they cannot be recorded."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = constants.replaced(self, args, kwargs)
        try:
            with constants.inside(), internals.handing_on_training(self, kwargs.get("training")):
                return cls.__call__(self, *args, **kwargs)
        except Exception as error:
            training = internals.training_inside(self)
            keywords = kwargs if training is None else {"training": training, **kwargs}
            try:  # whether that is the same is checked afterwards
                return self.call(*args, **internals.as_call_takes(self, keywords))
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
        if type(value).__module__ == "torch.nn.parameter":  # the variable's very value: it would change with it
            raise Refusal("its call() uses a variable of its own")
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
        raise Refusal("its call() assigns to a variable that it does not hold, as drawing random numbers does")
    raise Refusal(f"its call() assigns to {'/'.join(changed[0].path.split('/')[-2:])!r}")


def _compare_traces(node: Node, twin: Any, body: Body) -> None:
    """Compare a trace with others, of calls in and out of training, and at sizes that are known."""
    held = set(map(id, internals.layers_within(twin)))
    outline = _outline(body, held)

    def differs(training: bool | None, *sizes: int) -> bool:
        other = _outline(_trace(node, twin, training, *sizes), held)
        return len(other) != len(outline) or not all(map(_fits, outline, other))

    for training, *sizes in TRACES:
        try:
            if not differs(training, *sizes):
                continue
        except Unfit:  # not every size is legal
            if not differs(training):
                continue
        if differs(None):
            raise Refusal("its call() does not do the same every time")
        if differs(training):
            raise Refusal(f"its call() does something else {'in training' if training else 'with training=False'}")
        raise Refusal(f"its call() does something else where unknown dimensions have other sizes{_HINT}")


def _outline(body: Body, held: Collection[int]) -> _Outline:
    """List what tells the calls of one trace from those of another: what is called, on which tensors and values.

    What layers get as ``training`` is left out, and the attributes of the layers that are `held`, not made in ``call``.
    """
    numbers = {id(tensor): ("tensor", i) for i, tensor in enumerate(body.inputs)}
    outline: _Outline = []
    for node in body.nodes:
        operation, keywords = node.operation, dict(node.arguments.kwargs)
        if isinstance(operation, keras.layers.Layer):
            keywords.pop("training", None)
        made = {} if id(operation) in held else {k: v for k, v in vars(operation).items() if not k.startswith("_")}
        outline += [(type(operation).__name__, operation.name, *sorted(keywords), *sorted(made))]
        for value in keras.tree.flatten((node.arguments.args, keywords, made)):
            parts = (value.start, value.stop, value.step) if isinstance(value, slice) else (value,)
            outline += [numbers.get(id(each)) or _comparable(each) for each in parts]
        for tensor in node.outputs:
            numbers[id(tensor)] = ("tensor", len(numbers))
    return [*outline, *(numbers[id(tensor)] for tensor in body.outputs)]


def _comparable(value: Any) -> Any:
    """Return what can be compared for a value: itself for whole numbers and None, for other objects their type."""
    if value is None or type(value) is int:
        return value
    kind = type(value).__name__
    if isinstance(value, bool | float | complex | str | bytes):
        return kind, repr(value)
    if isinstance(value, np.ndarray | np.generic) or keras.ops.is_tensor(value):
        return _exactly(value)
    return kind, getattr(value, "__code__", None)


def _fits(one: Any, other: Any) -> bool:
    """Tell whether what stands in another trace, where sizes may be known, is what stands in one."""
    return one == other or (one in (None, -1) and type(other) is int)


def _compare_runs(node: Node, body: Body) -> None:
    """Compare a part that is made of a trace with the layer itself, on other weights than those of the trace."""
    copies = Copies()
    try:
        twin = Twins(copies).of(node.operation)
    except SplitError as error:
        raise Refusal(f"it cannot be copied to check the trace: {first_line(error)}") from None
    try:
        part = _built(body, copies)
    except Exception as error:
        raise Refusal(f"no part can be built of what was traced: {first_line(error)}") from None
    generator = np.random.default_rng(0)
    for variable in copies.variables():
        if "float" in variable.dtype:
            variable.assign(generator.uniform(0.05, 0.3, variable.shape))
    for training, *sizes in RUNS:
        given = [_example(tensor, _shape(tensor, *sizes), generator) for tensor in body.inputs]
        arguments = _fed(node, given)
        if training is not None:
            arguments = internals.with_keyword(arguments, "training", training)
        training = arguments.kwargs.get("training")
        try:
            expected = _Run.of(twin, arguments.args, arguments.kwargs)
        except Exception as error:
            raise Unfit(f"it could not be run to check the trace: {first_line(error)}") from None
        try:
            found = _Run.of(part, (given,), {"training": training})
        except Exception as error:
            raise Refusal(f"what was traced holds for one shape only: {first_line(error)}") from None
        if expected.losses:
            raise Refusal("its call() adds losses")
        if found == expected:
            continue
        if _Run.of(twin, arguments.args, arguments.kwargs) != expected:
            raise Refusal("its call() draws random numbers itself")
        if training:
            raise Refusal("what was traced is not the layer in training")
        why = "it may use some of them directly, or call a layer on no tensor at all"
        raise Refusal(f"what was traced is not the layer when its weights change: {why}")


def _fed(node: Node, given: Sequence[Any]) -> Any:
    """Return the arguments of a call with these in the places of its tensors."""
    fed = dict(zip(dict.fromkeys(map(id, node.input_tensors)), given, strict=True))
    return internals.refill(node, lambda tensor: fed[id(tensor)])


def _built(body: Body, copies: Copies) -> internals.Functional:
    """Build a model of what was traced, as parts are built."""
    number = itertools.count()
    twins = Twins(copies, lambda operation: f"call_{next(number)}")  # Keras wants names that differ
    return body.built(twins, [f"fed_{i}" for i in range(len(body.inputs))], "traced")


@dataclass(frozen=True)
class _Run:
    """What a call returned, and what it left behind: from the id of a variable to its state. Losses are apart."""

    results: list[Any]
    states: dict[int, Any]
    losses: list[Any] = field(compare=False)

    @classmethod
    def of(cls, run: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> _Run:
        """Run something without a trace on its variables."""
        with keras.StatelessScope(collect_losses=True) as scope:
            results = keras.tree.flatten(run(*args, **kwargs))
        states = {key: _exactly(value) for key, value in scope.state_mapping.items()}
        return cls([_exactly(each) for each in results], states, scope.losses)


def _exactly(value: Any) -> tuple[str, tuple[int, ...], bytes]:
    """Return what tells an array from all others; not-a-number is equal to itself."""
    array = keras.ops.convert_to_numpy(value)
    return str(array.dtype), array.shape, array.tobytes()


def _unknown(node: Node) -> bool:
    return any(None in tensor.shape for tensor in node.input_tensors)


def _shape(tensor: keras.KerasTensor, batch: int, size: int) -> tuple[int, ...]:
    """Return the shape of a tensor with these sizes where it is unknown."""
    return tuple((size if axis else batch) if dim is None else dim for axis, dim in enumerate(tensor.shape))


def _example(tensor: keras.KerasTensor, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
    """Make an input of a kind. Whole numbers are 0 or 1, which every vocabulary knows."""
    if "float" in tensor.dtype:
        return keras.ops.convert_to_tensor(generator.standard_normal(shape).astype("float32"), dtype=tensor.dtype)
    return keras.ops.cast(generator.integers(0, 2, shape), tensor.dtype)
