"""What is known of a split beside its parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from kerassplit_widget.errors import PartError, SplitError, first_line
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.inputs import agree
from kerassplit_widget.structure.graph import LayerGraph, Tensor, mask_name
from kerassplit_widget.structure.text import shape_text
from kerassplit_widget.structure.wiring import Wire

if TYPE_CHECKING:
    from kerassplit_widget.models.reading import Reading

__all__ = ["Manifest", "Spec"]


@dataclass(frozen=True, slots=True)
class Spec:
    """Shape (with batch; None is unknown), dtype and bytes (batch size 1) of a tensor between parts.

    Attributes
    ----------
    declared : Declared or None
        What Keras takes it for, wrongly, where a layer returns it.
    """

    shape: tuple[int | None, ...]
    dtype: str
    nbytes: int | None
    declared: internals.Declared | None = None

    @classmethod
    def of_wires(cls, reading: Reading, wires: Sequence[Wire]) -> dict[str, Spec]:
        """Describe every tensor that a part takes or returns, and every input of the model."""
        graph = reading.graph
        names = dict.fromkeys([*graph.inputs, *(n for wire in wires for n in (*wire.takes, *wire.returns))])
        specs = {name: cls._of(graph, name) for name in names}
        for name in reading.real.keys() & specs.keys():
            tensor = reading.symbolic[name]
            specs[name] = replace(specs[name], declared=(tuple(tensor.shape), tensor.dtype))
        return specs

    @classmethod
    def _of(cls, graph: LayerGraph, name: str) -> Spec:
        tensor = graph.tensors.get(name)
        if tensor is None:
            masked = graph.tensors[name.removesuffix(mask_name(""))]
            tensor = Tensor(name, masked.call, 0, masked.mask or (), "bool")
        return cls(tensor.shape, tensor.dtype, tensor.nbytes())

    def input(self, name: str) -> keras.KerasTensor:
        """Make a `keras.Input` of this kind."""
        return keras.Input(batch_shape=self.shape, dtype=self.dtype, name=name)

    def as_given(self, value: Any) -> Any:
        """Return what a model with such an input makes of a value before anything is computed: dtype and rank."""
        if value is None:  # the input is optional
            return value
        tensor = keras.ops.convert_to_tensor(value, dtype=self.dtype)
        more = len(tensor.shape) - len(self.shape)
        if more == 1 and tensor.shape[-1] == 1:
            return keras.ops.squeeze(tensor, -1)
        return keras.ops.expand_dims(tensor, -1) if more == -1 and self.shape[-1] == 1 else tensor

    def fits(self, tensor: keras.KerasTensor) -> bool:
        """Tell whether a symbolic tensor of a model has this dtype and no other dimensions."""
        shape = internals.shape_of_tensor(tensor)
        known = [(self.shape, self.dtype), *([] if self.declared is None else [self.declared])]
        return any(tensor.dtype == dtype and agree(shape, own) for own, dtype in known)

    def check(self, name: str, value: Any) -> None:
        """Refuse a tensor that is something else than this.

        Raises
        ------
        PartError
            If it has another dtype or shape: the next part would cast it, or give it another shape, without a word.
        """
        dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
        if dtype is None or shape is None or getattr(shape, "rank", 0) is None:
            return
        found, sizes = keras.backend.standardize_dtype(dtype), tuple(shape)
        # Keras takes batches of any size, whatever a graph says.
        if found != self.dtype or not agree(
            (None, *sizes[1:])[: len(sizes)], (None, *self.shape[1:])[: len(self.shape)]
        ):
            raise PartError(
                f"The tensor {name!r} was taken to be {self}, as Keras declares it, and is {shape_text(sizes)} {found} "
                "now that the part has run: the layer that makes it returns something else than it declares. Cut "
                "elsewhere, or, if the layer is your own, let its compute_output_spec() say what it returns; Keras's "
                "Resizing and the like keep whole numbers unless the model takes floats."
            )

    def __str__(self) -> str:
        return f"{shape_text(self.shape)} {self.dtype}"


@dataclass(frozen=True)
class Manifest:
    """What is known of a split beside its parts.

    Attributes
    ----------
    model : str
        Name of the model that was cut.
    cuts : tuple of tuple of str
        The points of each cut.
    wiring : str
        ``"relay"`` or ``"direct"``.
    wires : tuple of Wire
        What each part takes and returns.
    inputs, outputs : structure of str
        Names of the tensors in the places of the model's input and output structure.
    specs : dict of str to Spec
        Of every tensor between parts and every input.
    weights : str
        ``"share"``: on the variables of the model that was cut; ``"copy"``: on copies.
    options : dict
        Keyword arguments of `split` that were not the default.
    batch_is_fixed : bool
        Whether the parts compute for one batch size only, which ``input_shapes=`` gave and the model leaves open.
    """

    model: str
    cuts: tuple[tuple[str, ...], ...]
    wiring: str
    wires: tuple[Wire, ...]
    inputs: Any
    outputs: Any
    specs: Mapping[str, Spec]
    weights: str
    options: Mapping[str, Any]
    batch_is_fixed: bool = False

    def pack_inputs(self, part: int, known: Mapping[str, Any]) -> Any:
        """Put the tensors that a part takes in the structure in which it takes them."""
        if part == 0 and self.wiring == "relay":
            return keras.tree.map_structure(known.__getitem__, self.inputs)
        given = [known[name] for name in self.wires[part].takes]
        return given[0] if len(given) == 1 else given

    def taken(self, part: int) -> list[str]:
        """List what a part takes in the order of its inputs: Keras sorts the keys of a dict, also of one it loads."""
        names: list[str] = keras.tree.flatten(self.pack_inputs(part, {name: name for name in self.wires[part].takes}))
        return names

    def match_inputs(self, inputs: Any) -> dict[str, Any]:
        """Give each input of the model its name, and see that it has the batch size that the split was made for.

        Arrays of objects, as mixed columns of a table give them, become numbers where the model takes numbers.

        Raises
        ------
        SplitError
            If the structure is another, or the batch size that ``input_shapes=`` fixed.
        """
        named = {name: self._as_numbers(name, value) for name, value in self._name_inputs(inputs).items()}
        for name, value in named.items() if self.batch_is_fixed else ():
            wanted, found = self.specs[name].shape, tuple(getattr(value, "shape", ()))
            if found and None not in (wanted[0], found[0]) and wanted[0] != found[0]:
                raise SplitError(
                    f"This split was made for a batch of {wanted[0]} (input_shapes=) and cannot compute another; "
                    f"{name!r} was given with {found[0]}: split again with other input_shapes= or without."
                )
        return named

    def _as_numbers(self, name: str, value: Any) -> Any:
        """Make numbers of an array of objects, as Keras does, which knows the dtype of the input."""
        wanted = self.specs[name].dtype
        if not isinstance(value, np.ndarray) or value.dtype != object or wanted == "string":
            return value
        try:
            return keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(value, dtype=wanted))
        except (TypeError, ValueError) as error:
            raise SplitError(
                f"The input {name!r} is an array of objects that are no {wanted} ({first_line(error)}): give numbers."
            ) from None

    def _name_inputs(self, inputs: Any) -> dict[str, Any]:
        """Give each input its name; as Keras, take one tensor for a list of one, and a dict for a list.

        Of a dict, keys that the model does not need are left out. Keras does not look at the keys itself: it takes the
        values in their order, the first for the first input and so on. Where that gives an input another value than
        its key says, the model computes something else than was meant, without a word: that is refused here.
        """
        names = keras.tree.flatten(self.inputs)
        if isinstance(inputs, dict) and not isinstance(self.inputs, dict) and set(names) <= set(inputs):
            return {name: inputs[name] for name in names}
        if len(names) == 1 and not isinstance(inputs, dict | list | tuple):
            return {names[0]: inputs}
        if len(names) == 1 and isinstance(inputs, list | tuple) and [hasattr(x, "shape") for x in inputs] == [True]:
            return {names[0]: inputs[0]}
        try:
            named = dict(_pairs(self.inputs, inputs))
        except (KeyError, TypeError, ValueError):
            raise SplitError(f"The model takes {self.inputs!r}; other inputs were given: {_outline(inputs)}.") from None
        for name, value in zip(names, keras.tree.flatten(inputs), strict=False):
            if named[name] is not value:
                raise SplitError(
                    f"The model takes {self.inputs!r}; given were {_outline(inputs)}. Keras goes by the order "
                    f"of the values, not by their keys, and would take another value for the input {name!r} than "
                    "that of its key. Give only the keys that the model takes, in the same kind of dict."
                )
        return named

    def pack_outputs(self, known: Mapping[str, Any]) -> Any:
        """Put the tensors that the model returns in its output structure; as Keras, one tensor for a list of one.

        Inputs of the model that are its outputs, which no part has taken, become what the model makes of them.
        """
        given = set(keras.tree.flatten(self.inputs)) if self.wiring == "direct" else set()
        outputs = keras.tree.map_structure(
            lambda name: self.specs[name].as_given(known[name]) if name in given else known[name], self.outputs
        )
        return outputs[0] if isinstance(outputs, list | tuple) and len(outputs) == 1 else outputs

    def check_parts(self, parts: Sequence[Any], instead_of: Sequence[keras.Model] = ()) -> None:
        """Refuse parts that take or return something else than those they are to replace.

        Parameters
        ----------
        parts : sequence
        instead_of : sequence of keras.Model, optional
            The parts that they are to replace, whose names tell in which order tensors are meant.

        Raises
        ------
        SplitError
        """
        if not isinstance(parts, list | tuple) or len(parts) != len(self.wires):
            found = f"{len(parts)} were" if isinstance(parts, list | tuple) else f"{type(parts).__name__} was"
            raise SplitError(f"The split has {len(self.wires)} parts; {found} given.")
        for i, (part, wire) in enumerate(zip(parts, self.wires, strict=True), 1):
            function = internals.function_of(part)
            if function is None:
                raise SplitError(f"Part {i} has to be a Functional model or a built Sequential; found {part!r:.80}.")
            old = internals.function_of(instead_of[i - 1]) if instead_of else None
            for verb, names, tensors, before in (
                ("take", self.taken(i - 1), function.inputs, old and old.inputs),
                ("return", wire.returns, function.outputs, old and old.outputs),
            ):
                wanted = [self.specs[name] for name in names]
                if len(tensors) != len(wanted) or not all(s.fits(t) for s, t in zip(wanted, tensors, strict=True)):
                    raise SplitError(
                        f"Part {i} has to {verb} {', '.join(map(str, wanted))}; the model given in its place "
                        f"({part.name!r}) {verb}s {', '.join(f'{shape_text(t.shape)} {t.dtype}' for t in tensors)}."
                    )
                if before is not None and _in_other_order(_makers(tensors), _makers(before)):
                    raise SplitError(
                        f"Part {i} has to {verb} {_makers(before)} in this order; the model given in its place "
                        f"({part.name!r}) {verb}s {_makers(tensors)}. Make it with the same order, or other names."
                    )
            self._check_call(i, function)

    def _check_call(self, number: int, function: internals.Functional) -> None:
        """Refuse a part that takes its inputs in another structure than it is given them in."""
        given = self.pack_inputs(number - 1, {name: name for name in self.specs})
        own = keras.tree.map_structure(lambda tensor: tensor.name, internals.input_structure(function))
        if isinstance(given, str | list | tuple) and isinstance(own, str | list | tuple) and len(function.inputs) == 1:
            return  # to Keras a tensor is as good as a list of it
        try:
            named = dict(_pairs(own, given))
            if [named[name] for name in keras.tree.flatten(own)] != keras.tree.flatten(given):
                raise ValueError  # an ordered dict for a plain one, of which Keras sorts the keys
        except (KeyError, TypeError, ValueError):
            raise SplitError(
                f"Part {number} is called with {given!r}; the model given in its place ({function.name!r}) takes its "
                f"inputs in another structure, {own!r}. Make it with keras.Model(inputs=...) of the first structure."
            ) from None


def _makers(tensors: Sequence[keras.KerasTensor]) -> list[str]:
    return [internals.maker_of(tensor).name for tensor in tensors]


def _in_other_order(names: Sequence[str], before: Sequence[str]) -> bool:
    """Tell whether a name is where another was, and was elsewhere."""
    return any(name != old and name in before for name, old in zip(names, before, strict=True))


def _pairs(names: Any, given: Any) -> Iterator[tuple[str, Any]]:
    """Find in a structure the values for the names in the places of another; it may have more keys.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the structures differ in anything else than the classes of their dicts and sequences.
    """
    if isinstance(names, dict):
        if not isinstance(given, dict):
            raise TypeError
        for key, each in names.items():
            yield from _pairs(each, given[key])
    elif isinstance(names, list | tuple):
        if not isinstance(given, list | tuple):
            raise TypeError
        for each, value in zip(names, given, strict=True):
            yield from _pairs(each, value)
    elif isinstance(given, dict | list | tuple):
        raise TypeError
    else:
        yield names, given


def _outline(structure: Any) -> str:
    return repr(keras.tree.map_structure(lambda value: getattr(value, "shape", type(value).__name__), structure))
