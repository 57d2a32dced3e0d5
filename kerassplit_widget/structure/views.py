"""Views: which boxes are seen when some folds are open, and how they hang together.

A view is a pure function of the graph, its hierarchy of folds and the names of those that are open. Its boxes are the
outermost folds that are not open; they partition the calls, and their order is topological.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.regions.folding import Fold

__all__ = ["Depth", "Frame", "View", "opened_at", "path_to", "straddled", "view"]

Depth: TypeAlias = Literal["blocks", "layers", "all"]

_SCREEN = 40
"""How many boxes a view at depth "blocks" may have after opening what holds most of a model."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An open fold, around the boxes in it.

    Attributes
    ----------
    fold : Fold
    boxes : tuple of int
        Places of its boxes in the view: neighbours in its order.
    depth : int
        How many frames lie around it.
    """

    fold: Fold
    boxes: tuple[int, ...]
    depth: int


# eq=False: arrays do not compare to a bool.
@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Boxes and what joins them, for a graph of n calls.

    Attributes
    ----------
    boxes : tuple of Fold
        In topological order, m of them. Each call is in one box.
    box_of : ndarray of int32, shape (n,)
        From the number of a call to the place of its box.
    successors : tuple of tuple of int
        For each box the boxes that read its tensors, each once, ascending: as `lay_out` takes them.
    sources, targets : ndarray of int32, shape (k,)
        Ends of the edges between boxes, in the order ``for u in boxes: for v in successors[u]``.
    tensors : tuple of tuple of str
        For each edge the names of the tensors it carries, in the order of the calls that read them.
    exits : tuple of tuple of int
        For each box the calls after which a cut after this box is made: those that no call of the box reads from;
        ascending. Raw inputs are left out where there are others.
    params : tuple of int
        For each box the number of its parameters, each layer counted once.
    frames : tuple of Frame
        Open folds, an outer one before those in it.
    """

    boxes: tuple[Fold, ...]
    box_of: npt.NDArray[np.int32]
    successors: tuple[tuple[int, ...], ...]
    sources: npt.NDArray[np.int32]
    targets: npt.NDArray[np.int32]
    tensors: tuple[tuple[str, ...], ...]
    exits: tuple[tuple[int, ...], ...]
    params: tuple[int, ...]
    frames: tuple[Frame, ...]


def view(graph: LayerGraph, root: Fold, opened: Iterable[str] = ()) -> View:
    """Look at a graph with some folds open.

    Parameters
    ----------
    graph : LayerGraph
    root : Fold
        ``fold(graph)``; its children are always seen.
    opened : iterable of str
        Names of folds. One inside a closed fold, and an unknown name, has no effect.

    Returns
    -------
    View

    Notes
    -----
    Linear in the calls and their tensors.

    Examples
    --------
    >>> from kerassplit_widget.structure.graph import Call, Tensor
    >>> from kerassplit_widget.structure.regions.folding import fold
    >>> calls = tuple(
    ...     Call(f"c{i}", "Dense" if i else "InputLayer", f"c{i}", (f"c{i - 1}",) * bool(i),
    ...          (Tensor(f"c{i}", f"c{i}", 0, (None, 8), "float32"),), is_input=not i)
    ...     for i in range(9))
    >>> graph = LayerGraph("chain", calls, ("c0",), ("c8",))
    >>> root = fold(graph)
    >>> closed = view(graph, root)
    >>> closed.boxes, closed.successors, closed.exits
    ((<Fold call 'c0': 1 calls>, <Fold repeat 'c' ×8: 8 calls>), ((1,), ()), ((0,), (8,)))
    >>> len(view(graph, root, opened_at(graph, root, "layers")).boxes)
    9
    """
    boxes, frames = _boxes(root, frozenset(opened))
    box_of = np.zeros(len(graph), dtype=np.int32)
    for place, box in enumerate(boxes):
        box_of[list(box.calls)] = place
    place_of = box_of.tolist()
    carried: list[dict[int, dict[str, None]]] = [{} for _ in boxes]
    layers: list[dict[str, int]] = [{} for _ in boxes]
    last: list[list[int]] = [[] for _ in boxes]
    for number, call in enumerate(graph.calls):
        here = place_of[number]
        layers[here][call.layer] = call.params
        if not any(place_of[reader] == here for reader in graph.successors[number]):
            last[here].append(number)
        for name in call.inputs:
            there = place_of[graph.number[graph.tensors[name].call]]
            if there != here:
                carried[there].setdefault(here, {})[name] = None
    successors = tuple(tuple(sorted(readers)) for readers in carried)
    edges = [(source, target) for source, readers in enumerate(successors) for target in readers]
    ends = np.array(edges, dtype=np.int32).reshape(-1, 2)
    return View(
        boxes=boxes,
        box_of=box_of,
        successors=successors,
        sources=ends[:, 0].copy(),
        targets=ends[:, 1].copy(),
        tensors=tuple(tuple(carried[source][target]) for source, target in edges),
        exits=tuple(tuple(n for n in calls if not graph.calls[n].is_input) or tuple(calls) for calls in last),
        params=tuple(sum(params.values()) for params in layers),
        frames=frames,
    )


def _boxes(root: Fold, opened: Collection[str]) -> tuple[tuple[Fold, ...], tuple[Frame, ...]]:
    """Collect the outermost folds that are not open, and the open ones around them."""
    boxes: list[Fold] = []
    starts: list[tuple[Fold, int, int]] = []  # a frame: its fold, its first box, its depth
    ends: dict[str, int] = {}
    # A frame is met twice: to open it, and, as None, to close the innermost one.
    stack: list[Fold | None] = list(reversed(root.children))
    around: list[str] = []
    while stack:
        item = stack.pop()
        if item is None:
            ends[around.pop()] = len(boxes)
        elif item.children and item.name in opened:
            starts.append((item, len(boxes), len(around)))
            around.append(item.name)
            stack.append(None)
            stack.extend(reversed(item.children))
        else:
            boxes.append(item)
    frames = tuple(Frame(item, tuple(range(first, ends[item.name])), depth) for item, first, depth in starts)
    return tuple(boxes), frames


def _walk(root: Fold) -> Iterator[Fold]:
    """Yield all folds below the root that can be opened, an outer one before those in it."""
    stack = [child for child in reversed(root.children) if child.children]
    while stack:
        item = stack.pop()
        yield item
        stack.extend(child for child in reversed(item.children) if child.children)


def opened_at(graph: LayerGraph, root: Fold, depth: Depth) -> set[str]:
    """Name the folds that are open at a depth.

    Parameters
    ----------
    graph : LayerGraph
    root : Fold
    depth : {"blocks", "layers", "all"}
        ``"blocks"``: nothing, but a block or group that holds most of the model, where a screen has room for what is in
        it. ``"layers"``: everything but groups, so that a nested model is one box. ``"all"``: everything.

    Returns
    -------
    set of str

    Raises
    ------
    ValueError
        If there is no such depth.
    """
    if depth == "blocks":
        return _most(root)
    if depth == "all":
        return {item.name for item in _walk(root)}
    if depth != "layers":
        raise ValueError(f'The depth of a view is "blocks", "layers" or "all"; found {depth!r}.')
    opened = set()
    stack = list(root.children)
    while stack:
        item = stack.pop()
        if item.children and item.kind != "group":
            opened.add(item.name)
            stack.extend(item.children)
    return opened


def _most(root: Fold) -> set[str]:
    """Name blocks and groups, one in the other, that hold more than half of the calls."""
    opened: set[str] = set()
    boxes, around = len(root.children), root
    while True:
        large = max(around.children, key=lambda child: len(child.calls), default=None)
        if large is None or large.kind not in ("block", "group") or 2 * len(large.calls) <= len(root.calls):
            return opened
        boxes += len(large.children) - 1
        if boxes > _SCREEN:
            return opened
        opened.add(large.name)
        around = large


def straddled(root: Fold, head: Collection[int]) -> list[str]:
    """Name the folds that a cut runs through: those with calls on both sides.

    Parameters
    ----------
    root : Fold
    head : frozenset of int
        Numbers of the calls before the cut.

    Returns
    -------
    list of str
        An outer fold before those in it: open them in this order, and the cut lies between boxes.
    """
    names = []
    stack = list(reversed(root.children))
    while stack:
        item = stack.pop()
        before = sum(number in head for number in item.calls) if item.children else 0
        if 0 < before < len(item.calls):
            names.append(item.name)
            stack.extend(reversed(item.children))
    return names


def path_to(root: Fold, call: int) -> list[str]:
    """Name the folds around a call, the innermost last: the breadcrumbs, and what must be open to see it.

    Parameters
    ----------
    root : Fold
    call : int
        Number of the call.

    Returns
    -------
    list of str
        Neither the root nor the call itself is in it.

    Raises
    ------
    ValueError
        If the graph has no call of this number.
    """
    if call not in root.calls:
        raise ValueError(f"The graph has no call number {call}: its calls are numbered 0 to {len(root.calls) - 1}.")
    names = []
    item = next(child for child in root.children if call in child.calls)
    while item.children:
        names.append(item.name)
        item = next(child for child in item.children if call in child.calls)
    return names
