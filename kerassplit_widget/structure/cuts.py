"""Cuts: where a graph can be divided in two, what crosses there, and why not elsewhere.

A *cut* divides the calls into a head and a tail with no edge from tail to head. It is given by points: they and their
ancestors are in the head, the other descendants of the points are in the tail, and each remaining call is put where
the fewest bytes cross (a minimum closure cut; of equally good ones the smallest head).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from kerassplit_widget.errors import CutError, PointError, closest
from kerassplit_widget.structure.arguments import whole_number
from kerassplit_widget.structure.closure import closure
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.regions.dominators import empty_frontier
from kerassplit_widget.structure.text import bytes_text, listed, plural, tensor_text

__all__ = [
    "Cut",
    "cut_at",
    "cut_candidates",
    "cut_of",
    "explain",
    "find_call",
    "find_tensor",
    "known_cut",
    "nearest_candidates",
    "why_not",
]


@dataclass(frozen=True, repr=False)
class Cut:
    """A division of the calls of a graph into head and tail.

    Attributes
    ----------
    points : tuple of str
        Names of the calls after which it cuts, in topological order.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2, name="b")])
    >>> cut = ks.cut_at(model, "a")
    >>> cut.points, cut.tensors, cut.is_candidate, cut.nbytes(batch_size=2)
    (('a',), ('a',), True, 24)
    """

    graph: LayerGraph = field(compare=False)
    points: tuple[str, ...]

    def __repr__(self) -> str:
        size = f", {bytes_text(self.nbytes())}" if self.tensors else ""
        return f"Cut({', '.join(map(repr, self.points))}: {plural(len(self.tensors), 'tensor')}{size})"

    @cached_property
    def head(self) -> frozenset[int]:
        """Numbers of the calls before the cut, with the raw model inputs that these read."""
        return closure(self.graph, [self.graph.number[point] for point in self.points])

    @cached_property
    def tensors(self) -> tuple[str, ...]:
        """Names of the crossing tensors: computed in the head, needed in the tail; in topological order."""
        return tuple(
            tensor.name
            for number in sorted(self.head)
            for tensor in self.graph.calls[number].outputs
            if not self.graph.calls[number].is_input
            and any(reader not in self.head for reader in self.graph.consumers[tensor.name])
        )

    @cached_property
    def masks(self) -> tuple[str, ...]:
        """Names of those crossing tensors whose hidden mask has to come along."""
        readers = self.graph.mask_consumers
        return tuple(name for name in self.tensors if any(n not in self.head for n in readers.get(name, ())))

    @cached_property
    def inputs_also_needed(self) -> tuple[str, ...]:
        """Names of the raw model inputs that the tail reads, in the model's order."""
        return tuple(
            name for name in self.graph.inputs if any(reader not in self.head for reader in self.graph.consumers[name])
        )

    @cached_property
    def is_candidate(self) -> bool:
        """Whether exactly one tensor crosses and everything computed from its head comes through it.

        The second half matters where the tail can be fed from raw inputs beside the cut: a tower of a two-input model
        is crossed by one tensor, yet its end dominates nothing that joins both towers.
        """
        if len(self.tensors) != 1:
            return False
        return self.graph.number[self.graph.tensors[self.tensors[0]].call] in _dominating(self.graph)

    def nbytes(self, batch_size: int = 1) -> int | None:
        """Count the bytes that cross for one batch, masks that have to come along included.

        Parameters
        ----------
        batch_size : int
            Stands in for an unknown first dimension.

        Returns
        -------
        int or None
            None when the size of a crossing tensor is unknown.

        Raises
        ------
        SplitError
            If `batch_size` is no whole number above 0.
        """
        batch_size = whole_number("batch_size", batch_size)
        tensors = self.graph.tensors
        sizes = [tensors[name].nbytes(batch_size) for name in self.tensors]
        sizes += [tensors[name].mask_nbytes(batch_size) for name in self.masks]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def describe(self, batch_size: int = 1, most: int | None = None) -> str:
        """Say in one sentence what crosses here.

        Parameters
        ----------
        batch_size : int
            For the bytes.
        most : int, optional
            How many tensors to name at most; all by default.

        Returns
        -------
        str

        Raises
        ------
        SplitError
            If `batch_size` is no whole number above 0.
        """
        tensors = [self.graph.tensors[name] for name in self.tensors]
        many = f"{len(tensors)} tensors cross" if len(tensors) != 1 else "1 tensor crosses"
        size = bytes_text(self.nbytes(batch_size))
        named = [tensor_text(tensor) for tensor in tensors[:most]]
        rest = len(tensors) - len(named)
        text = f"{many} after {listed(self.points)}, {size}: " + listed([*named, f"{rest} more"] if rest else named)
        if not tensors:
            text = f"Nothing crosses after {listed(self.points)}: what follows is computed from model inputs alone"
        if self.masks:
            text += f"; the mask of {listed(self.masks)} comes along"
        if self.inputs_also_needed:
            text += f"; the tail also needs the model input {listed(self.inputs_also_needed)}"
        return text + "."


def known_cut(
    graph: LayerGraph,
    points: tuple[str, ...],
    *,
    head: frozenset[int],
    tensors: tuple[str, ...],
    is_candidate: bool,
) -> Cut:
    """Make a cut of which this is known already, as when all calls are surveyed at once."""
    cut = Cut(graph, points)
    cut.__dict__.update(head=head, tensors=tensors, is_candidate=is_candidate)
    return cut


def find_call(graph: LayerGraph, name: str) -> str:
    """Find the call that a name means.

    Parameters
    ----------
    graph : LayerGraph
    name : str
        Of a call, or of one of its output tensors (``lstm:1``; ``:0`` may be written).

    Returns
    -------
    str
        Name of the call.

    Raises
    ------
    PointError
        If no call or tensor has this name; the message lists the closest ones.
    """
    return graph.tensors[find_tensor(graph, name)].call


def find_tensor(graph: LayerGraph, name: str) -> str:
    """Find the tensor that a name means: as `find_call`; the name of a call or group means its first output."""
    name = graph.groups.get(name, (name,))[0]
    tensor = graph.tensors.get(name) or graph.tensors.get(name.removesuffix(":0"))
    if tensor is None:
        raise PointError(
            f"There is no call {name!r} in the model {graph.name!r}. {closest(name, [*graph.names, *graph.groups])}"
        )
    return tensor.name


def cut_at(graph: LayerGraph, *points: str) -> Cut:
    """Make the cut after the given calls.

    Parameters
    ----------
    graph : LayerGraph
    *points : str
        One or more names of calls or tensors.

    Returns
    -------
    Cut

    Raises
    ------
    PointError
        If a name is not in the graph, or no point is given.
    CutError
        If the head or the tail would be empty: a cut at a model input, or after the last call.
    """
    if not points:
        raise PointError("A cut needs at least one point: the name of a call to cut after.")
    named = [name for point in points for name in graph.groups.get(point, (point,))]
    numbers = sorted({graph.number[find_call(graph, name)] for name in named})
    names = tuple(graph.names[number] for number in numbers)
    for number in numbers:
        if graph.calls[number].is_input:
            raise CutError(
                f"{graph.names[number]!r} is an input of the model: the part before a cut there would be empty. "
                f"{_suggest(graph)}"
            )
    cut = Cut(graph, names)
    follows = graph.reachable(numbers) - graph.reachable(numbers, backwards=True)
    if not follows and all(call.is_input or n in cut.head for n, call in enumerate(graph.calls)):
        made = {graph.tensors[name].call for name in graph.outputs}
        ends = [name for name in names if name in made]
        what = f"{_quoted(ends)} {'is an output' if len(ends) == 1 else 'are outputs'} of the model and nothing"
        after = "" if ends == list(names) else f" {_quoted(names)}"
        raise CutError(
            f"{what if ends else 'Nothing'} is computed after{after}: the part behind a cut there would be empty. "
            f"{_suggest(graph)}"
        )
    return cut


def cut_of(graph: LayerGraph, head: Iterable[int]) -> Cut:
    """Make the cut that has a given head.

    Its points are the calls of the head that make crossing tensors or that nothing in the head is computed from. Every
    computed call of the head is one of these or an ancestor of one; what follows a crossing tensor is a descendant; and
    what is left is computed from raw inputs alone, which the fewest bytes leave in the tail. Hence
    ``cut_at(graph, *points)`` is this cut again.

    Parameters
    ----------
    graph : LayerGraph
    head : iterable of int
        Numbers of the calls before the cut: with a computed call also those that it is computed from. Raw inputs
        may be left out.

    Returns
    -------
    Cut

    Raises
    ------
    CutError
        If the head or the tail is empty.
    """
    computed = {n for n in head if not graph.calls[n].is_input}
    points = [n for n in sorted(computed) if not computed.issuperset(graph.successors[n]) or not graph.successors[n]]
    cut = cut_at(graph, *(graph.names[n] for n in points))
    cut.__dict__["head"] = frozenset(computed.union(*(graph.predecessors[n] for n in computed)))
    return cut


def cut_candidates(graph: LayerGraph) -> list[Cut]:
    """List the cuts that exactly one tensor crosses and through which everything comes that is computed later.

    These are the calls that dominate all their descendants, raw model inputs left out. The input itself and the
    output itself are no candidates. Nor is the end of one of several towers, which one tensor crosses too: what joins
    the towers is computed from others as well.

    Parameters
    ----------
    graph : LayerGraph

    Returns
    -------
    list of Cut
        In topological order; each has one point. Found in O(m log n).
    """
    return [
        Cut(graph, (graph.names[number],))
        for number in sorted(_dominating(graph))
        if sum(bool(graph.consumers[tensor.name]) for tensor in graph.calls[number].outputs) == 1
    ]


def _dominating(graph: LayerGraph) -> set[int]:
    """Collect the computed calls that dominate all their descendants, raw model inputs left out."""
    alone = empty_frontier(graph.computed_predecessors)
    return {n for n, call in enumerate(graph.calls) if alone[n] and not call.is_input}


def why_not(graph: LayerGraph, point: str, batch_size: int = 1) -> str:
    """Say what a cut after a call would cost, and where the nearest candidates are.

    Parameters
    ----------
    graph : LayerGraph
    point : str
        Name of a call or tensor.
    batch_size : int
        For the bytes.

    Returns
    -------
    str
        Two or three sentences: the crossing tensors with shapes and bytes, and the nearest candidates. Where one tensor
        crosses and the cut is no candidate all the same, also why.

    Raises
    ------
    PointError
        If the name is not in the graph.
    SplitError
        If `batch_size` is no whole number above 0.
    """
    batch_size = whole_number("batch_size", batch_size)
    name = find_call(graph, point)
    try:
        return explain(cut_at(graph, name), nearest_candidates(graph, name), batch_size)
    except CutError as error:
        return str(error)


def explain(cut: Cut, nearest: tuple[Cut | None, Cut | None], batch_size: int = 1) -> str:
    """Say what a cut costs, and where the nearest candidates are: what `why_not` says of it."""
    if cut.is_candidate:
        return f"{cut.describe(batch_size)} It is a candidate: nothing else has to come along."
    where = [f"{other.points[0]} {side}" for other, side in zip(nearest, ("before", "after"), strict=True) if other]
    near = f"Nearest candidates: {listed(where)}." if where else "The model has no candidate."
    past = _comes_past(cut) if len(cut.tensors) == 1 else None
    if past is not None:
        maker, reader, other = past
        why = f"{reader} is also computed from {other}, which does not come through {maker}"
        near = f"It is no candidate, as {why}. {near}"
    return f"{cut.describe(batch_size)} {near}"


def _comes_past(cut: Cut) -> tuple[str, str, str] | None:
    """Name the call whose tensor crosses alone, the first call behind it that reads another's too, and that other."""
    graph = cut.graph
    maker = graph.number[graph.tensors[cut.tensors[0]].call]
    through = {maker, *graph.reachable([maker])}
    for n in sorted(through - {maker}):
        for other in graph.computed_predecessors[n]:
            if other not in through:
                return graph.names[maker], graph.names[n], graph.names[other]
    return None


def nearest_candidates(graph: LayerGraph, name: str) -> tuple[Cut | None, Cut | None]:
    """Find the last candidate among the ancestors of a call and the first among its descendants.

    Parameters
    ----------
    graph : LayerGraph
    name : str
        Of a call.

    Returns
    -------
    tuple of (Cut or None)
        None where there is none on that side.
    """
    number = graph.number[find_call(graph, name)]
    above, below = graph.reachable([number], backwards=True), graph.reachable([number])
    places = {graph.number[cut.points[0]]: cut for cut in cut_candidates(graph)}
    before = max((place for place in places if place in above), default=None)
    after = min((place for place in places if place in below), default=None)
    return (places[before] if before is not None else None), (places[after] if after is not None else None)


def _quoted(names: Iterable[str]) -> str:
    return listed(map(repr, names))


def _suggest(graph: LayerGraph) -> str:
    candidates = cut_candidates(graph)
    if not candidates:
        return "Choose a call between the inputs and the outputs."
    return f"Choose a call between, such as {candidates[len(candidates) // 2].points[0]!r}."
