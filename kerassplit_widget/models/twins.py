"""Second handles on layers, on which calls can be recorded without a trace on the user's own.

A *twin* has the class and the configuration of its original. It has its own list of nodes, its own list of losses, and
twins of the layers inside it, so that nothing done to the twin reaches the original: calling, freezing, saving. It
holds the very variables of the original (``share``) or copies of them (``copy``).
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import keras

from kerassplit_widget.errors import SplitError
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.keras_internals import Fill, Functional, Node, Operation

__all__ = ["Copies", "Twins", "Weights"]

Weights = Literal["share", "copy"]


class Copies:
    """What twins hold in place of variables and random states: copies, one for each original.

    Layers that share a variable share its copy.

    Parameters
    ----------
    known : mapping of int to keras.Variable, optional
        From the id of a variable to what stands for it.
    rest : callable, optional
        Gives what stands for any other variable; a copy by default.
    """

    def __init__(
        self,
        known: Mapping[int, keras.Variable] | None = None,
        rest: Callable[[keras.Variable], keras.Variable] = internals.copy_variable,
    ) -> None:
        self._made: dict[int, Any] = dict(known or {})
        self._rest = rest

    def of(self, original: Any) -> Any:
        """Return what stands for a variable or a seed generator, making it at the first time."""
        if id(original) not in self._made:
            if isinstance(original, keras.Variable):
                made = self._rest(original)
            else:
                made = copy.copy(original)
                made.state = self.of(original.state)
            self._made[id(original)] = made
        return self._made[id(original)]

    def known(self, original: Any) -> Any:
        """Return what stands for a variable or a seed generator if it was made already, else None."""
        return self._made.get(id(original))

    def variables(self) -> list[keras.Variable]:
        """List what stands for variables, as far as it was asked for."""
        return [made for made in self._made.values() if isinstance(made, keras.Variable)]


class Twins:
    """The twins of one part: one for each layer or op, however often it is called.

    Parameters
    ----------
    copies : Copies, optional
        Where copies of variables come from; without it the variables are shared.
    rename : callable, optional
        Gives the twin's name, from the original; by default the original's name.
    open_batch : bool
        Leave the batch open in the models inside: a Sequential that was first called on data keeps the size of that
        batch in its graph.

    Attributes
    ----------
    before : dict of Node to list of Node
        From repeated calls to the calls before them.
    """

    def __init__(
        self,
        copies: Copies | None = None,
        rename: Callable[[Operation], str] | None = None,
        *,
        open_batch: bool = False,
    ) -> None:
        self._copies = copies
        self._rename = rename
        self._open_batch = open_batch
        self.before: dict[Node, list[Node]] = {}
        self._made: dict[int, Operation] = {}
        self._around: dict[int, Operation] = {}  # the layers that are being filled, which what is inside may refer to

    def of(self, operation: Operation) -> Operation:
        """Return the twin of a layer or op, making it at the first time.

        Parameters
        ----------
        operation : keras.Operation

        Returns
        -------
        keras.Operation
        """
        twin = self._made.get(id(operation))
        if twin is None:
            twin = self._made[id(operation)] = object.__new__(type(operation))
            if isinstance(operation, keras.layers.Layer):
                self._fill_layer(twin, operation)
            else:
                state = dict(operation.__dict__, _inbound_nodes=[], _outbound_nodes=[])
                if self._copies is not None:
                    state = {key: self._counterpart(value) for key, value in state.items()}
                twin.__dict__.update(state)
            if self._rename is not None:
                internals.set_name(twin, self._rename(operation))
        return twin

    def repeat(
        self,
        node: Node,
        fill: Fill,
        operation: Operation | None = None,
        *,
        infer: bool = False,
        training: bool | None = None,
    ) -> list[keras.KerasTensor]:
        """Repeat a call on the twin of its operation.

        Parameters
        ----------
        node : Node
            The call.
        fill : callable
            From a tensor among the arguments of the call to the one that takes its place.
        operation : keras.Operation, optional
            Another operation that stands for that of the node.
        infer : bool
            Work out the shapes of the outputs anew, for inputs of other shapes.
        training : bool, optional
            What the model around the call was called with.

        Returns
        -------
        list of keras.KerasTensor
            The outputs, flat. They carry masks where those of the call do.
        """
        outputs: list[keras.KerasTensor]
        twin = self.of(node.operation if operation is None else operation)
        arguments = internals.refill(node, fill)
        if self._copies is not None:  # an op may be given a variable
            arguments = internals.with_values(arguments, self._counterpart)
        if training is not None and _hands_on_training(twin):
            arguments = internals.with_keyword(arguments, "training", training)
        if infer or [tensor for tensor in node.outputs if internals.mask_of(tensor) is not None]:
            outputs = keras.tree.flatten(twin(*arguments.args, **arguments.kwargs))
            return outputs  # with the masks that Keras worked out on the way
        written = internals.write_node(twin, arguments, node.outputs)
        self.before[written] = internals.calls_before(written)
        outputs = written.outputs
        return outputs

    def rebuild(self, function: Functional, shapes: Mapping[int, tuple[int | None, ...]] | None = None) -> Functional:
        """Build a graph of layers anew, on their twins.

        Parameters
        ----------
        function : Functional
        shapes : mapping of int to tuple, optional
            Other shapes, with batch, for the inputs of these numbers.

        Returns
        -------
        Functional
        """
        made: dict[int, keras.KerasTensor] = {}
        for i, tensor in enumerate(function.inputs):
            maker = internals.maker_of(tensor)
            made[id(tensor)] = internals.input_like(tensor, maker.name, shape=(shapes or {}).get(i))
            self._made[id(maker)] = internals.maker_of(made[id(tensor)])
        for node in internals.nodes_in_order(function):
            if not node.is_input:
                outputs = self.repeat(node, lambda tensor: made[id(tensor)], infer=shapes is not None)
                made.update(zip(map(id, node.outputs), outputs, strict=True))
        structures = (internals.input_structure(function), internals.output_structure(function))
        inputs, outputs = (keras.tree.map_structure(lambda tensor: made[id(tensor)], each) for each in structures)
        return internals.model_of(inputs, outputs, function.name, self.before)

    def _fill_layer(self, twin: Any, layer: Any) -> None:
        if self._copies is None and not internals.inner_layers(layer):
            internals.fill_layer(twin, layer)
            return
        # What is inside has twins of its own: Keras saves, but cannot load, a layer that is both inside and beside.
        inside = Twins(self._copies, open_batch=self._open_batch)
        inside._around = {**self._around, id(layer): twin}
        inside._made = dict(inside._around)
        function = internals.held_graph(layer)
        shapes = None
        if self._open_batch and function is not None:
            opened = {
                i: (None, *tensor.shape[1:]) for i, tensor in enumerate(function.inputs) if tensor.shape[:1] != (None,)
            }
            shapes = opened or None
        graph = None if function is None else inside.rebuild(function, shapes)
        shared = self._copies is None
        stand_in = inside._stand_in if shared else functools.partial(self._copied, layer, inside)
        internals.fill_layer(twin, layer, inside._counterpart, graph, shared=shared, stand_in=stand_in)

    def _stand_in(self, value: Any) -> Any:
        """Return what was made in place of a layer or variable, if anything was."""
        made = self._made.get(id(value))
        return self._copies.known(value) if made is None and self._copies is not None else made

    def _copied(self, layer: keras.layers.Layer, inside: Twins, value: Any) -> Any:
        """Return what stands for a layer or variable that a function in a layer holds, wherever in the model it is."""
        found = inside._stand_in(value)
        if found is not None or self._copies is None:
            return found
        if isinstance(value, keras.layers.Layer):
            return self.of(value)
        if isinstance(value, keras.Variable | keras.random.SeedGenerator):
            return self._copies.of(value)
        if internals.is_variable_of_backend(value):
            raise SplitError(
                f"A function in the layer {layer.name!r} uses a variable that is none of Keras "
                f"({type(value).__name__}), of which no copy can be made. Let it use a keras.Variable, or take "
                'weights="share".'
            )
        return None

    def _counterpart(self, value: Any) -> Any:
        """Return what stands in a twin for a value that stands in the original: itself, mostly."""
        if isinstance(value, keras.layers.Layer):
            return self.of(value)
        if self._copies is not None and isinstance(value, keras.Variable | keras.random.SeedGenerator):
            return self._copies.of(value)
        if isinstance(value, dict):
            mapped = {key: self._counterpart(item) for key, item in value.items()}
            return mapped if any(mapped[key] is not value[key] for key in mapped) else value
        if isinstance(value, list | tuple | set):
            return self._counterparts(value)
        return value

    def _counterparts(self, values: Sequence[Any] | set[Any]) -> Any:
        old = list(values)
        new = [self._counterpart(value) for value in old]
        if all(a is b for a, b in zip(new, old, strict=True)):
            return values
        if isinstance(values, tuple) and hasattr(values, "_fields"):
            return type(values)(*new)
        return tuple(new) if isinstance(values, tuple) else set(new) if isinstance(values, set) else new


def _hands_on_training(operation: Operation) -> bool:
    """Tell whether ``training=`` makes a difference to a call: Keras hands it on to the layers inside of any layer."""
    if not isinstance(operation, keras.layers.Layer):
        return False
    return internals.takes_training(operation) or bool(internals.inner_layers(operation))
