"""Walking the nodes of a model, into groups and out again, naming every call on the way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras

from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.batches import keeps_batch, rows_of
from kerassplit_widget.models.bodies import Body, Naming, Refusal
from kerassplit_widget.models.masks import AttachMask
from kerassplit_widget.models.returned import Returned
from kerassplit_widget.models.tracing import can_be_opened, trace
from kerassplit_widget.models.twins import Twins
from kerassplit_widget.structure.graph import Call, Tensor, mask_name, tensor_name

__all__ = ["Step", "Walker"]


_NONE: frozenset[str] = frozenset()


class Step(NamedTuple):
    """How a call of the graph is made in Keras.

    Attributes
    ----------
    call : Call
    node : Node
        The Keras node, with its operation, arguments and output tensors.
    names : mapping of int to str
        From the id of a symbolic tensor among the node's arguments to the name of the tensor in the graph. It differs
        between two calls of one group, whose nodes are the same.
    training : bool or None
        What the call gets where the model is called with none and the call itself says nothing: what the group around
        it was called with, as in ``backbone(x, training=False)``, or the layer called before it got.
    unmasked : frozenset of str
        Inputs that were made with a mask and have none any more when the call is run.
    unmasks : frozenset of str
        Inputs that have no mask any more after the call: attention takes it off.
    """

    call: Call
    node: internals.Node
    names: Mapping[int, str]
    training: bool | None = None
    unmasked: frozenset[str] = _NONE
    unmasks: frozenset[str] = _NONE


class Walker:
    """Walks the nodes of a model, stepping into nested models. The state of one reading."""

    def __init__(self, wanted: frozenset[str] | None, *, nested: bool, composite: bool) -> None:
        self.wanted, self.nested, self.composite = wanted, nested, composite
        self.steps: list[Step] = []
        self.groups: list[str] = []
        self.expanded: set[str] = set()
        self.collapsed: dict[str, str] = {}
        self.layers: dict[int, str] = {}
        self.params: dict[int, int] = {}
        self.twins: dict[int, Twins] = {}
        self.taken: set[str] = set()
        self.masks: dict[str, internals.Shape] = {}
        self.unmasked: set[str] = set()
        self.unread: set[str] = set()
        self.attached: set[str] = set()  # made by calls that attach a mask, where Keras does it around the call
        self.training: bool | None = None  # what Keras hands on to the next layer
        self.trains = False  # whether that was True somewhere
        self.rows: dict[str, int | None] = {}  # of tensors of which not each row is an example of the batch
        self.group_outputs: dict[str, tuple[str, ...]] = {}
        self.returned = Returned(self._twins)
        self.only_plain = True  # whether all tensors so far are

    def walk(self, function: internals.Functional) -> dict[int, str]:
        """Record every call. Returns the names of the outermost graph's tensors by id."""
        outermost: dict[int, str] = {}
        # One frame for each model that is open: the nodes still to come, their names, and, for a nested
        # model, the node whose outputs are to be named when it is through.
        stack = [_Frame.open(Body.of_function(function), "", outermost)]
        while stack:
            frame = stack[-1]
            node = next(frame.nodes, None)
            if node is None:
                stack.pop()
                self.unmasked |= frame.takes_off
                if frame.outer is not None:
                    inside = tuple(frame.names[id(tensor)] for tensor in frame.body.outputs)
                    self.group_outputs[frame.prefix[:-1]] = inside
                    stack[-1].names.update(zip(map(id, frame.outer.outputs), inside, strict=True))
                    self._note_plain(frame.outer.outputs)
                continue
            name = frame.naming.call(node)
            if node.is_input and all(id(tensor) in frame.names for tensor in node.outputs):
                continue  # the input of a nested model: named by what is fed in
            name = self._free(frame.prefix + name, len(node.outputs))
            plain = self._is_plain(node)
            body = None if plain else self._open(frame, node, name)
            if body is None:
                self._record(frame, node, name, plain)
            else:
                stack.append(self._entered(frame, node, name, body))
        if self.trains:  # in a part, others might come before what came first here
            self.steps = [_with_training(step) for step in self.steps]
        return outermost

    def _entered(self, frame: _Frame, node: internals.Node, name: str, body: Body) -> _Frame:
        """Open a group: what is fed in takes the places of the inputs inside."""
        self.expanded.add(name)
        if body.traced:  # a tensor that is fed twice is one input
            fed = list(dict.fromkeys(map(id, node.input_tensors)))
            read = {id(tensor) for inner in body.nodes for tensor in inner.input_tensors}
            idle = {key for key, own in zip(fed, body.inputs, strict=True) if id(own) not in read}
            self.unread.update(frame.names[key] for key in idle & internals.masks_given(node))
        else:  # a mask is fed too, which travels with them anyway
            tensors = keras.tree.flatten(node.arguments.args)
            self._resize(tensors, body, frame)
            fed = list(map(id, tensors))
            self.unread.update(frame.names[id(tensor)] for tensor in node.input_tensors if id(tensor) not in fed)
        names = {id(tensor): frame.names[key] for tensor, key in zip(body.inputs, fed, strict=True)}
        self._note_plain(body.inputs)
        takes_off = _NONE
        carried = self._carried(frame, node) if body.traced else {}
        if carried:  # the calls inside need not take off what the call itself does
            seen = internals.observed_masks(node, self._twins(node.operation).of(node.operation), carried)
            takes_off = frozenset(frame.names[key] for key in seen.dropped) if seen else takes_off
        return _Frame.open(body, f"{name}/", names, node, self._training_of(frame, node), takes_off)

    def _resize(self, fed: Sequence[keras.KerasTensor], body: Body, frame: _Frame) -> None:
        """Note what a nested model is fed where that has other sizes than it was made for: so has what is inside."""
        for tensor, own in zip(fed, body.inputs, strict=True):
            name = frame.names[id(tensor)]
            shape, dtype = self.returned.real.get(name, (tuple(tensor.shape), tensor.dtype))
            known = tuple(dim if size is None else size for size, dim in zip(shape, own.shape, strict=True))
            if known != tuple(own.shape):
                self.returned.real[name] = (known, dtype)

    def _training_of(self, frame: _Frame, node: internals.Node) -> bool | None:
        """Find what a call gets as ``training`` where the model is called with none."""
        given: bool | None = node.arguments.kwargs.get("training") if frame.training is None else frame.training
        return self.training if given is None else given

    def _free(self, name: str, outputs: int) -> str:
        """Lengthen the name of a call until neither it nor its tensors are called like others."""
        while not self.taken.isdisjoint(wanted := _names_of(name, outputs)):
            name += "_"
        self.taken.update(wanted)
        return name

    def _open(self, frame: _Frame, node: internals.Node, name: str) -> Body | None:
        """Return what is inside of a call, or None when it stays one call; the reason goes to `collapsed`."""
        inner = internals.function_of(node.operation)
        if inner is None and not can_be_opened(node.operation):
            return None
        self.groups.append(name)
        wish = self.nested if inner is not None else self.composite
        if not (name in self.wanted if self.wanted is not None else wish):
            return None
        try:
            carried = self._carried(frame, node)
            if inner is not None:
                _refuse_what_a_graph_does_not_show(node, inner, carried)
                return Body.of_function(inner)
            return trace(node, self._twins(node.operation), carried)
        except Refusal as reason:
            self.collapsed[name] = str(reason)
            return None

    def _twins(self, operation: internals.Operation) -> Twins:
        return self.twins.setdefault(id(operation), Twins())

    def _is_plain(self, node: internals.Node) -> bool:
        """Tell whether a call is what Keras shows of it, so that nothing else need be asked: most are."""
        special = self.masks or self.rows or self.returned.real
        return not special and internals.is_plain(node, fed_plain=self.only_plain)

    def _note_plain(self, tensors: Iterable[keras.KerasTensor]) -> None:
        self.only_plain = self.only_plain and all(map(internals.is_plain_tensor, tensors))

    def _record(self, frame: _Frame, node: internals.Node, name: str, plain: bool) -> None:
        operation = node.operation
        if id(operation) not in self.params:
            self.layers[id(operation)] = frame.prefix + frame.naming.layer(operation)
            self.params[id(operation)] = internals.count_params(operation)
        layer = self.layers[id(operation)]
        fed = [frame.names[id(tensor)] for tensor in node.input_tensors]
        inputs = tuple(fed if len(fed) == 1 else dict.fromkeys(fed))
        unmasked = frozenset(self.unmasked.intersection(inputs)) if self.unmasked else _NONE
        outputs: tuple[Tensor, ...]
        unmasks = _NONE
        if plain:
            [tensor] = node.outputs
            frame.names[id(tensor)] = name
            outputs = (Tensor(name, name, 0, tensor.shape, tensor.dtype),)
        else:
            self._note_plain(node.outputs)
            outputs, unmasks = self._made_by(frame, node, name)
            if frame.body.traced and isinstance(operation, AttachMask):
                self.attached.add(name)
        kind = type(operation).__name__
        call = Call(name, kind, layer, inputs, outputs, self.params[id(operation)], node.is_input)
        told = frame.training is not None or self.training is not None or not plain
        training = self._hand_on_training(frame, node) if told else None
        self.steps.append(Step(call, node, frame.names, training, unmasked, unmasks))

    def _made_by(self, frame: _Frame, node: internals.Node, name: str) -> tuple[tuple[Tensor, ...], frozenset[str]]:
        """Find what a call makes, and which inputs have no mask any more after it."""
        masks, unmasks = self._masks_of(frame, node)
        self.unmasked |= unmasks
        outputs = []
        rows: list[int | None] = [1] * len(node.outputs)
        if self.rows or not keeps_batch(node.operation):
            rows = rows_of(node, lambda tensor: self.rows.get(frame.names[id(tensor)], 1))
        returned = self.returned.by(node, frame.names)
        for i, (tensor, (shape, dtype), mask, own) in enumerate(zip(node.outputs, returned, masks, rows, strict=True)):
            made = frame.names[id(tensor)] = tensor_name(name, i)
            if own != 1:
                self.rows[made] = own
            if dtype != tensor.dtype or shape != tensor.shape:
                self.returned.real[made] = (shape, dtype)
            outputs.append(Tensor(made, name, i, shape, dtype, mask, own))
            if mask is not None:
                self.masks[made] = mask
        return tuple(outputs), unmasks

    def _hand_on_training(self, frame: _Frame, node: internals.Node) -> bool | None:
        """Return the `Step.training` of a call, and note what the layers after it get."""
        if not isinstance(node.operation, keras.layers.Layer) or node.is_input:
            return None
        got = self._training_of(frame, node)
        given = frame.training is None and node.arguments.kwargs.get("training") is not None
        if got is not None or internals.inner_layers(node.operation):
            self.training = internals.training_after(node, got)
            self.trains = self.trains or self.training is True
        return None if given else got

    def _carried(self, frame: _Frame, node: internals.Node) -> dict[int, internals.Shape]:
        """Find the inputs of a call that a mask travels with at run time: from the id of each to the mask's shape."""
        if not self.masks:
            return {}
        names = ((id(tensor), frame.names[id(tensor)]) for tensor in node.input_tensors)
        return {key: self.masks[name] for key, name in names if name in self.masks and name not in self.unmasked}

    def _masks_of(self, frame: _Frame, node: internals.Node) -> tuple[Sequence[internals.Shape | None], frozenset[str]]:
        """Find the masks that the outputs of a call carry at run time, and the inputs that it takes their masks off.

        Keras shows most masks in its symbolic tensors. It does not show those that come out of layers of layers, nor
        that attention takes masks off.
        """
        shown = [internals.made_mask(node, i) for i in range(len(node.outputs))]
        names = {id(tensor): frame.names[id(tensor)] for tensor in node.input_tensors} if self.masks else {}
        carried = self._carried(frame, node)
        given = bool(node.arguments.kwargs) and internals.given_mask(node)
        if internals.hides_masks(node, masked=given or bool(carried)):
            seen = internals.observed_masks(node, self._twins(node.operation).of(node.operation), carried)
            if seen is not None:
                return seen.made, frozenset(names[key] for key in seen.dropped)
        elif names and _other_than_shown(node, carried) and not (given and internals.hands_on_given_masks()):
            return internals.handed_masks(node, carried), _NONE
        return shown, _NONE


@dataclass(slots=True)
class _Frame:
    """A model that is being walked."""

    body: Body
    prefix: str
    names: dict[int, str]
    nodes: Iterator[internals.Node]
    naming: Naming
    outer: internals.Node | None
    training: bool | None
    takes_off: frozenset[str]

    @classmethod
    def open(
        cls,
        body: Body,
        prefix: str,
        names: dict[int, str],
        outer: internals.Node | None = None,
        training: bool | None = None,
        takes_off: frozenset[str] = _NONE,
    ) -> _Frame:
        return cls(body, prefix, names, iter(body.nodes), Naming(body.nodes), outer, training, takes_off)


def _other_than_shown(node: internals.Node, carried: Collection[int]) -> bool:
    """Tell whether an input carries a mask that Keras does not show, or none where it shows one."""
    return any((internals.mask_of(tensor) is None) == (id(tensor) in carried) for tensor in node.input_tensors)


def _names_of(call: str, outputs: int) -> list[str]:
    """List the names that a call of so many outputs takes: its own, and those of its tensors and their masks."""
    if outputs == 1:
        return [call, mask_name(call)]
    tensors = [call, *(tensor_name(call, i) for i in range(1, outputs))]
    return [*tensors, *map(mask_name, tensors)]


def _refuse_what_a_graph_does_not_show(
    node: internals.Node, inner: internals.Functional, carried: Collection[int]
) -> None:
    """Refuse to open a nested model in place where that would change something.

    It changes nothing when the model is called on its inputs only (a ``training=`` is handed on to the calls inside),
    and these already have the dtype and rank of its own inputs, so that it converts nothing. Masks that travel with
    the inputs, the ids of which are `carried`, go on to the calls inside; Keras notes them as an argument ``mask``.
    """
    args, kwargs = node.arguments.args, node.arguments.kwargs
    fed = keras.tree.flatten(args)
    # of several inputs Keras notes their masks, as a structure of None if they have none
    filled = {key: keras.tree.flatten(value) for key, value in kwargs.items()}
    own = [internals.mask_of(tensor) if id(tensor) in carried else None for tensor in fed]
    if all(mask is None or mask is known for mask, known in zip(filled.get("mask", ()), own, strict=False)):
        filled.pop("mask", None)
    given = [key for key, values in filled.items() if key != "training" and any(v is not None for v in values)]
    if given:
        raise Refusal(f"it is called with {given[0]}=, which would have to be handed on")
    if len(fed) != len(inner.inputs) or not all(isinstance(tensor, keras.KerasTensor) for tensor in fed):
        raise Refusal("it is not called on one tensor for each of its inputs")
    structures = (args[0] if len(args) == 1 else args, internals.input_structure(inner))
    if any(isinstance(each, dict) for each in structures) and not _alike(*structures):
        raise Refusal("it is called on another structure than it was made for")
    for tensor, own in zip(fed, inner.inputs, strict=True):
        sparse = internals.is_sparse(tensor)
        if (tensor.dtype, len(tensor.shape), sparse) != (own.dtype, len(own.shape), own.sparse):
            raise Refusal("it converts its input")


def _alike(a: Any, b: Any) -> bool:
    """Tell whether two structures are built alike."""
    try:
        keras.tree.assert_same_structure(a, b)
    except (TypeError, ValueError):
        return False
    return True


def _with_training(step: Step) -> Step:
    """Say of a layer that gets no ``training`` in the model that it is not in training; layers of layers know best."""
    operation = step.node.operation
    if step.training is not None or step.node.is_input or not isinstance(operation, keras.layers.Layer):
        return step
    said = step.node.arguments.kwargs.get("training") is not None or internals.inner_layers(operation)
    return step if said else step._replace(training=False)
