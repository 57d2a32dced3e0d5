"""Looking inside layers: what a composite layer or a subclassed model calls, as a graph.

``layer.call`` is run on symbolic tensors, on a twin, so that the user's layer is not touched. What comes out is checked
before it is believed. It is compared with other traces: in and out of training, and at sizes that are known where they
were unknown, so that no branch was missed. And it is run as a part would be, beside the layer itself (`trials`). What
does not pass stays one call, with the reason.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType, new_class
from typing import Any, TypeAlias

import keras
import numpy as np

from kerassplit_widget.errors import first_line
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.bodies import Body, Refusal, Unfit
from kerassplit_widget.models.constants import Constants
from kerassplit_widget.models.hidden import HiddenMasks, takes_mask
from kerassplit_widget.models.keras_internals import Node, Operation
from kerassplit_widget.models.trials import compare_runs, exactly, sized
from kerassplit_widget.models.twins import Twins

__all__ = ["can_be_opened", "glance", "trace"]

TRACES = ((True, 16, 512), (False, 1, 1))
"""Further traces: ``training``, and sizes for an unknown batch and for other unknown dimensions. Nothing is computed in
them, so that large sizes cost no more than small ones."""

_HINT = "; input_shapes= may help, which fixes unknown dimensions"

_Outline: TypeAlias = list[Any]


def can_be_opened(operation: Operation) -> bool:
    """Tell whether it is worth looking inside: a layer with layers in it, that is no graph of layers already."""
    if not isinstance(operation, keras.layers.Layer) or not internals.inner_layers(operation):
        return False
    return internals.function_of(operation) is None


def trace(node: Node, twins: Twins, masks: Mapping[int, internals.Shape] = MappingProxyType({})) -> Body:
    """Find out what a call of a composite layer does inside.

    Parameters
    ----------
    node : Node
        The call.
    twins : Twins
        The layers inside are twins of these; the same for all calls of a layer.
    masks : mapping of int to tuple
        From the id of a tensor among the arguments that a mask travels with to the shape of the mask.

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
    reasons: list[Refusal] = []
    # Attention asks its inputs themselves for their masks; other layers should find them on these as in the model.
    for shown in (False, True) if masks else (False,):
        look = functools.partial(_trace, node, twins.of(layer), masks, shown)
        try:
            body = look()
            _compare_traces(node, twins.of(layer), look, body)
            lacking = compare_runs(node, body, masks)
            if lacking:
                body = look(lacking)
                if compare_runs(node, body, masks):
                    raise Refusal("it puts masks on what it returns that cannot be traced")
        except Refusal as reason:
            reasons.append(reason)
        else:
            return body
    raise reasons[0]


def glance(node: Node, twins: Twins) -> Body:
    """As `trace`, without the checks: what a call seems to do inside."""
    return _trace(node, twins.of(node.operation))


def _refuse_what_cannot_be_seen(node: Node) -> None:
    layer = node.operation
    if isinstance(layer, keras.layers.RNN):
        raise Refusal("it is recurrent: its loop over time is no graph of calls")
    if layer.activity_regularizer is not None:
        raise Refusal("it regularises its output")
    floats = [tensor.dtype for tensor in node.input_tensors if "float" in tensor.dtype]
    if any(dtype != layer.compute_dtype for dtype in floats):
        raise Refusal(f"it converts its input to {layer.compute_dtype}")


def _trace(
    node: Node,
    twin: Any,
    masks: Mapping[int, internals.Shape] = MappingProxyType({}),
    shown: bool = False,
    lacking: Collection[int] = (),
    training: bool | None = None,
    sizes: Sequence[int] = (),
) -> Body:
    """Run ``call`` of a twin on fresh symbolic tensors and collect the calls that it makes.

    Where masks travel with its inputs, they may be `shown` to ``call``. Outputs that would be `lacking` the masks that
    the layer puts on them get these.
    """
    fresh: dict[int, keras.KerasTensor] = {}
    constants = Constants()
    made: list[tuple[keras.KerasTensor, Any]] = []

    def fill(tensor: keras.KerasTensor) -> keras.KerasTensor:
        shape = sized(tensor.shape, *sizes) if sizes else None
        return fresh.setdefault(id(tensor), internals.input_like(tensor, f"fed_{len(fresh)}", shape=shape))

    with internals.fresh_names():
        arguments = internals.refill(node, fill)
        hidden = HiddenMasks(node, twin, fresh, masks)
        keywords = {**arguments.kwargs, **hidden.filled()}
        if shown:
            hidden.show()
        if training is not None:
            keywords["training"] = training
        taken = internals.as_call_takes(twin, keywords)
        try:
            inside = internals.inside_call(twin, keywords.get("training"))
            opening, plainly = _opening_inside(twin, constants, made), internals.recording_plainly()
            with opening, inside, plainly, keras.StatelessScope() as scope:
                results = twin.call(*arguments.args, **taken)
        except Exception as error:
            raise Unfit(_why_not(node, error)) from None
        _refuse_assignments(twin, scope)
        outputs = keras.tree.flatten(results)
        if len(outputs) != len(node.outputs) or not all(isinstance(x, keras.KerasTensor) for x in outputs):
            raise Refusal("its call() does not return the tensors that the layer returns")
        if lacking:
            outputs = hidden.attached(outputs, lacking, keywords.get("mask"))
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
    _take_back_masks(nodes, made)
    if training is not None:
        _refuse_own_training(nodes, training)
    nodes.sort(key=lambda each: not takes_mask(each, inputs))
    return Body(inputs, outputs, nodes, traced=True)


def _why_not(node: Node, error: Exception) -> str:
    """Say why a call cannot be traced."""
    own = internals.own_variables(node.operation)
    if own and "KerasTensor" in str(error):  # as in ``self.scale * x``
        return f"its call() uses a variable of its own, {own[0].name!r}"
    return f"its call() cannot be traced: {first_line(error)}{_HINT if _unknown(node) else ''}"


def _refuse_own_training(nodes: Iterable[Node], training: bool) -> None:
    """Refuse a layer that does not hand on the ``training`` that it is called with.

    Parts hand on what they are called with. Keras notes what the layers inside got, given or not.
    """
    for node in nodes:
        given = node.arguments.kwargs.get("training") if isinstance(node.operation, keras.layers.Layer) else None
        if given is not None and bool(given) is not training:
            name = node.operation.name
            raise Refusal(f"its call() gives {name!r} a training= of its own, which parts would not keep")


def _take_back_masks(nodes: Iterable[Node], made: Iterable[tuple[keras.KerasTensor, Any]]) -> None:
    """Leave only the masks on tensors with which they were `made` by layers.

    A ``call`` may put others on them, as that of attention does, of which parts would know nothing.
    """
    masks = {id(tensor): mask for tensor, mask in made}
    for node in nodes:
        for tensor in node.outputs:
            known = id(tensor) in masks or not isinstance(node.operation, keras.layers.Layer)
            if known and internals.mask_of(tensor) is not masks.get(id(tensor)):
                internals.set_mask(tensor, masks.get(id(tensor)))


@contextlib.contextmanager
def _opening_inside(twin: Any, constants: Constants, made: list[tuple[keras.KerasTensor, Any]]) -> Iterator[None]:
    """Let the layers inside a twin be called on constants, and be traced through where Keras cannot record their calls.

    It cannot where they return None beside a tensor, or take what ``compute_output_spec`` does not know, such as
    attention with a cache that is not used. The layers are twins; they get their classes back afterwards. What they
    have `made`, with its masks, is noted.
    """
    layers: dict[int, Any] = {id(layer): layer for layer in internals.layers_within(twin)}
    classes = {key: type(layer) for key, layer in layers.items()}
    for key, layer in layers.items():
        opening = new_class(classes[key].__name__, (classes[key],), exec_body=_opening(classes[key], constants, made))
        object.__setattr__(layer, "__class__", opening)
    try:
        yield
    finally:
        for key, layer in layers.items():
            object.__setattr__(layer, "__class__", classes[key])


def _opening(
    cls: Any, constants: Constants, made: list[tuple[keras.KerasTensor, Any]]
) -> Callable[[dict[str, Any]], None]:
    """Give what makes a subclass whose calls are traced through if they cannot be recorded."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = constants.replaced(self, args, kwargs)
        try:
            with constants.inside(), internals.handing_on_training(self, kwargs.get("training")):
                results = cls.__call__(self, *args, **kwargs)
            made.extend((each, internals.mask_of(each)) for each in keras.tree.flatten(results))
            return results
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


def _compare_traces(node: Node, twin: Any, look: Callable[..., Body], body: Body) -> None:
    """Compare a trace with others, of calls in and out of training, and at sizes that are known."""
    held = set(map(id, internals.layers_within(twin)))
    outline = _outline(body, held)

    def differs(training: bool | None, *sizes: int) -> bool:
        other = _outline(look((), training, sizes), held)
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
        return exactly(value)
    return kind, getattr(value, "__code__", None)


def _fits(one: Any, other: Any) -> bool:
    """Tell whether what stands in another trace, where sizes may be known, is what stands in one."""
    return one == other or (one in (None, -1) and type(other) is int)


def _unknown(node: Node) -> bool:
    return any(None in tensor.shape for tensor in node.input_tensors)
