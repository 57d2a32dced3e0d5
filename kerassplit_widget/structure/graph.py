"""The graph of a model: calls, tensors, and who consumes what.

The naming rule, used everywhere (code, messages, generated code, saved files):

======================  ==========================================================
``conv1``               the first (often only) call of the layer or op ``conv1``
``conv1#2``             the second call of a shared layer
``backbone/conv1``      a call inside the expanded group ``backbone``
``backbone#2/conv1``    the same call inside the group's second call
``lstm:1``              output tensor 1 of the call ``lstm``; ``:0`` is left out
``embed:mask``          the mask that travels hidden with the tensor ``embed``
======================  ==========================================================
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import networkx as nx

from kerassplit_widget.errors import ModelError, PointError, closest

__all__ = ["Call", "LayerGraph", "Tensor", "mask_name", "tensor_name"]

# Bytes of one element. A dtype that is not listed (such as "string") has no size we can know.
_ITEM_BYTES: Mapping[str, float] = {
    "bool": 1,
    "uint8": 1,
    "uint16": 2,
    "uint32": 4,
    "uint64": 8,
    "int4": 0.5,
    "int8": 1,
    "int16": 2,
    "int32": 4,
    "int64": 8,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "bfloat16": 2,
    "float16": 2,
    "float32": 4,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
}


def tensor_name(call: str, index: int) -> str:
    """Name output `index` of `call` by the naming rule (``:0`` is left out)."""
    return call if index == 0 else f"{call}:{index}"


def _check_shape(tensor: Tensor) -> None:
    for dim in tensor.shape if isinstance(tensor.shape, tuple) else (-1,):
        if dim is not None and dim < 0:
            raise ModelError(
                f"The tensor {tensor.name!r} has the shape {tensor.shape!r:.80}: a shape is a tuple of sizes, with "
                "None for what is unknown."
            )


def mask_name(tensor: str) -> str:
    """Name the mask that travels hidden with a tensor."""
    return f"{tensor}:mask"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One output of a call.

    Attributes
    ----------
    name : str
        By the naming rule of this module.
    call : str
        The call that makes it.
    index : int
        Which of the call's outputs it is.
    shape : tuple of (int or None)
        With the batch dimension; None is unknown.
    dtype : str
        As Keras names it, e.g. ``"float32"``.
    mask : tuple of (int or None), optional
        Shape of the mask that Keras lets travel hidden with the tensor (``mask_zero=True`` and what follows).
    rows : int or None
        Where the first dimension is unknown, how many entries of it belong to one example of the batch: more than one
        where windows or time steps are folded into it, None if that is unknown.
    """

    name: str
    call: str
    index: int
    shape: tuple[int | None, ...]
    dtype: str
    mask: tuple[int | None, ...] | None = None
    rows: int | None = 1

    def nbytes(self, batch_size: int = 1) -> int | None:
        """Count the bytes of this tensor for one batch.

        Parameters
        ----------
        batch_size : int
            Stands in for an unknown first dimension, times ``rows``. A fixed one is kept.

        Returns
        -------
        int or None
            None when another dimension, or the size of the dtype, is unknown.
        """
        return self._nbytes(self.shape, self.dtype, batch_size)

    def mask_nbytes(self, batch_size: int = 1) -> int | None:
        """Count the bytes of the mask that travels with this tensor, as `nbytes`; 0 without one."""
        return 0 if self.mask is None else self._nbytes(self.mask, "bool", batch_size)

    def _nbytes(self, shape: tuple[int | None, ...], dtype: str, batch_size: int) -> int | None:
        item = _ITEM_BYTES.get(dtype)
        first = None if self.rows is None else self.rows * batch_size
        dims = [first if dim is None and i == 0 else dim for i, dim in enumerate(shape)]
        known = [dim for dim in dims if dim is not None]
        if item is None or len(known) < len(dims):
            return None
        return math.ceil(math.prod(known) * item)


@dataclass(frozen=True, slots=True)
class Call:
    """One application of a Keras operation to tensors: a vertex of the graph.

    Attributes
    ----------
    name : str
        By the naming rule of this module.
    kind : str
        Class of the operation, e.g. ``"Conv2D"``.
    layer : str
        Name of the operation that is called, with its group's path; calls of a shared layer have it in common.
    inputs : tuple of str
        Names of the tensors it consumes, each once, in the order of the arguments.
    outputs : tuple of Tensor
        The tensors it makes.
    params : int
        Number of parameters of the operation (the same for each call of a shared layer).
    is_input : bool
        True for a raw model input, which computes nothing.
    masked : tuple of str
        Those of ``inputs`` whose hidden mask matters: the call uses it, or hands it on to something that does.
    """

    name: str
    kind: str
    layer: str
    inputs: tuple[str, ...]
    outputs: tuple[Tensor, ...]
    params: int = 0
    is_input: bool = False
    masked: tuple[str, ...] = ()


@dataclass(frozen=True)
class LayerGraph:
    """The calls of a model in topological order. Pure data: it holds no Keras object.

    Attributes
    ----------
    name : str
        The model's name.
    calls : tuple of Call
        In topological order. Position in this tuple is the *number* of a call, which the algorithms use.
    inputs, outputs : tuple of str
        Names of the tensors that are the model's inputs and outputs, flat, in the model's order.
    collapsed : mapping of str to str
        Groups that were to be opened and stay one call, with the reason.
    groups : mapping of str to tuple of str
        Groups that are open, with the tensors inside that are their outputs.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> x = keras.Input((8,), name="x")
    >>> graph = ks.read(keras.Model(x, keras.layers.Dense(2, name="d")(x)))
    >>> graph.names, graph["d"].kind, graph.successors, graph.tensors["d"].nbytes(batch_size=4)
    (('x', 'd'), 'Dense', ((1,), ()), 32)
    """

    name: str
    calls: tuple[Call, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    collapsed: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is no graph in topological order.

        Raises
        ------
        ModelError
            If two calls or tensors have one name, something is read before it is made, or a size is no size.
        """
        calls: set[str] = set()
        made: set[str] = set()
        for call in self.calls:
            if call.name in calls:
                raise ModelError(
                    f"Two calls of the graph {self.name!r} are called {call.name!r}: give each its own name."
                )
            calls.add(call.name)
            if not made.issuperset(call.inputs):
                raise ModelError(self._unmade(call, made))
            for tensor in call.outputs:
                if tensor.call != call.name or tensor.name in made:
                    raise ModelError(
                        f"The call {call.name!r} has an output {tensor.name!r} that is said to be made by "
                        f"{tensor.call!r}, or is made twice: each tensor names the one call that makes it."
                    )
                _check_shape(tensor)
                made.add(tensor.name)
        raw = {tensor.name for call in self.calls if call.is_input for tensor in call.outputs}
        for names, known, what in ((self.inputs, raw, "input"), (self.outputs, made, "output")):
            for name in names:
                if name not in known:
                    kind = "a call with is_input=True" if what == "input" else "a call"
                    raise ModelError(
                        f"{name!r} is given as an {what} of the graph {self.name!r}, but no tensor of {kind} is called "
                        f"so. {closest(str(name), known)}"
                    )

    def _unmade(self, call: Call, made: set[str]) -> str:
        """Say what is wrong with a call that reads something which is not made before it."""
        name = next(name for name in call.inputs if name not in made)
        if any(tensor.name == name for each in self.calls for tensor in each.outputs):
            return (
                f"The call {call.name!r} reads {name!r}, which is made by itself or after it: calls are given in "
                "topological order, and a graph with a cycle has none."
            )
        return f"The call {call.name!r} reads {name!r}, which no call makes. {closest(str(name), made)}"

    def __len__(self) -> int:
        return len(self.calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self.calls)

    def __contains__(self, name: object) -> bool:
        return name in self.number

    def __getitem__(self, name: str) -> Call:
        if name not in self.number:
            raise PointError(f"There is no call {name!r} in the model {self.name!r}. {closest(str(name), self.number)}")
        return self.calls[self.number[name]]

    def __repr__(self) -> str:
        return f"<LayerGraph {self.name!r}: {len(self)} calls, {self.params:,} parameters>"

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all calls, in topological order."""
        return tuple(call.name for call in self.calls)

    @cached_property
    def number(self) -> dict[str, int]:
        """From the name of a call to its place in the topological order."""
        return {call.name: i for i, call in enumerate(self.calls)}

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """From the name of a tensor to the tensor, in the order of the calls."""
        return {tensor.name: tensor for call in self.calls for tensor in call.outputs}

    @cached_property
    def consumers(self) -> dict[str, tuple[int, ...]]:
        """From the name of a tensor to the numbers of the calls that read it, ascending."""
        readers: dict[str, list[int]] = {name: [] for name in self.tensors}
        for i, call in enumerate(self.calls):
            for name in call.inputs:
                readers[name].append(i)
        return {name: tuple(numbers) for name, numbers in readers.items()}

    @cached_property
    def mask_consumers(self) -> dict[str, tuple[int, ...]]:
        """From a tensor whose hidden mask matters to the numbers of the calls it matters to, ascending."""
        readers: dict[str, list[int]] = {}
        for i, call in enumerate(self.calls):
            for name in call.masked:
                readers.setdefault(name, []).append(i)
        return {name: tuple(numbers) for name, numbers in readers.items()}

    @cached_property
    def predecessors(self) -> tuple[tuple[int, ...], ...]:
        """For each call the numbers of the calls whose tensors it reads, each once, ascending."""
        maker = {tensor.name: i for i, call in enumerate(self.calls) for tensor in call.outputs}
        return tuple(tuple(sorted({maker[name] for name in call.inputs})) for call in self.calls)

    @cached_property
    def successors(self) -> tuple[tuple[int, ...], ...]:
        """For each call the numbers of the calls that read its tensors, each once, ascending."""
        lists: list[list[int]] = [[] for _ in self.calls]
        for target, sources in enumerate(self.predecessors):
            for source in sources:
                lists[source].append(target)
        return tuple(map(tuple, lists))

    @cached_property
    def computed_predecessors(self) -> tuple[tuple[int, ...], ...]:
        """`predecessors` without the raw model inputs, which are not counted as crossing."""
        raw = {i for i, call in enumerate(self.calls) if call.is_input}
        return tuple(tuple(source for source in sources if source not in raw) for sources in self.predecessors)

    @cached_property
    def params(self) -> int:
        """Number of parameters of the model, each shared layer counted once."""
        return sum({call.layer: call.params for call in self.calls}.values())

    @cached_property
    def nx(self) -> nx.MultiDiGraph:
        """The graph for networkx: one vertex a call, one edge for each tensor a call consumes.

        Vertices are keyed by call name and carry ``call``; edges are keyed by tensor name and carry ``tensor``.
        """
        graph = nx.MultiDiGraph(name=self.name)
        graph.add_nodes_from((call.name, {"call": call}) for call in self.calls)
        for call in self.calls:
            for name in call.inputs:
                tensor = self.tensors[name]
                graph.add_edge(tensor.call, call.name, key=name, tensor=tensor)
        return nx.freeze(graph)

    def reachable(self, start: Sequence[int], *, backwards: bool = False) -> set[int]:
        """Collect the calls that can be reached from `start`, which is left out.

        Parameters
        ----------
        start : sequence of int
            Numbers of calls.
        backwards : bool
            Follow the edges against their direction: ancestors instead of descendants.

        Returns
        -------
        set of int
        """
        step = self.predecessors if backwards else self.successors
        found: set[int] = set()
        stack = list(start)
        while stack:
            for n in step[stack.pop()]:
                if n not in found:
                    found.add(n)
                    stack.append(n)
        return found.difference(start)
