"""What is drawn of a graph: which folds are open, in which direction, and where everything stands."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from kerassplit_widget.errors import SplitError, closest
from kerassplit_widget.structure.gathering import Gathered, gathered
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.layout import Direction, Layout, lay_out
from kerassplit_widget.structure.layout.frames import room_for
from kerassplit_widget.structure.regions.folding import Fold, fold
from kerassplit_widget.structure.text import plural, shape_text
from kerassplit_widget.structure.views import Depth, Frame, View, opened_at, path_to, view

__all__ = ["Scene", "Viewer", "framed", "shown_title"]

SMALL = 200
"""A graph of so many calls is shown whole at first: it can be scrolled through, and every call is in the list."""

_BOX_HEIGHT = 38.0
_CHARACTER, _SMALL_CHARACTER = 6.7, 6.2
"""Pixels that a character of a title and of the line below take in the front end's fonts."""

_OPEN_MARK, _TIED_MARK, _BADGE, _DIGIT = 16.0, 16.0, 8.0, 7.0
"""Pixels of the "+" and of the mark of shared weights; around a badge such as "×12", and for each of its characters."""


@dataclass(frozen=True)
class Scene:
    """A view with its drawing.

    Attributes
    ----------
    depth : str
        ``"blocks"``, ``"layers"``, ``"all"``, or ``"custom"`` when folds were opened or closed one by one.
    view : View
    layout : Layout
        Of the boxes of the view.
    """

    depth: str
    view: View
    layout: Layout


def framed(depth: str, seen: View) -> list[Frame]:
    """List the open folds that are outlined: at the depths that show everything only groups."""
    return [frame for frame in seen.frames if depth not in ("layers", "all") or frame.fold.kind == "group"]


def shown_title(box: Fold, groups: Collection[str]) -> str:
    """Write the title of a box: a call in a group whose outline says so goes without the path of the group.

    Parameters
    ----------
    box : Fold
    groups : collection of str
        Names of the groups that are outlined.
    """
    path = box.title
    while "/" in path:
        path = path.rpartition("/")[0]
        if path in groups:
            return box.title[len(path) + 1 :]
    return box.title


class Viewer:
    """The folds that are open on a graph.

    Parameters
    ----------
    graph : LayerGraph
    direction : {"down", "right"}
    root : Fold, optional
        ``fold(graph)``, if it is at hand.
    openable : collection of str
        Calls that are groups and may be opened.

    Attributes
    ----------
    graph : LayerGraph
    root : Fold
    openable : collection of str
    opened : set of str
        Folds that a person has opened; those that a cut goes through are open besides. A repeat that is not in it is
        open at those of its copies, folds or calls, that are.
    direction : {"down", "right"}
    """

    def __init__(
        self,
        graph: LayerGraph,
        direction: Direction = "down",
        root: Fold | None = None,
        openable: Collection[str] = (),
    ) -> None:
        self.graph, self.openable = graph, openable
        self.root = fold(graph) if root is None else root
        self.direction: Direction = direction
        self.opened: set[str] = set()
        self._folds = {each.name: each for each in _folds(self.root)}
        self._copies = {copy.name for each in self._folds.values() if each.kind == "repeat" for copy in each.children}
        self._heads: tuple[frozenset[int], ...] = ()
        self._gathered: tuple[object, Gathered] | None = None
        self._scene: tuple[object, Scene] | None = None
        self._asked: Depth = "blocks"
        self.show("blocks" if len(graph) > SMALL else "all" if graph.groups else "layers")

    def show(self, depth: Depth) -> None:
        """Open and close folds so that a depth is seen.

        Raises
        ------
        SplitError
            If there is no such depth.
        """
        try:
            self.opened = opened_at(self.graph, self.root, depth)
        except ValueError as error:
            raise SplitError(str(error)) from None
        self._asked = depth

    def open(self, name: str) -> None:
        """Open a fold; of a row of copies, the repeat that it belongs to.

        Raises
        ------
        SplitError
            If there is no such fold.
        """
        self.opened.add(self._known(name).name)

    def close(self, name: str) -> None:
        """Close a fold, and with it those inside.

        Raises
        ------
        SplitError
            If there is no such fold, or a cut goes through it.
        """
        closed = self._known(name)
        inside = {child.name for each in (closed, *_folds(closed)) for child in each.children}
        left = self.opened - inside - {closed.name}
        # Of a repeat that shows all its copies, a cut keeps only some open.
        after = gathered(self.root, self._heads, left)
        if closed.name in after.opened and (closed.kind != "repeat" or after.rows.keys() == self._now().rows.keys()):
            raise SplitError(f"{closed.title} stays open: a cut lies inside. Remove that cut first.")
        self.opened = left

    def restore(self, names: Iterable[str]) -> None:
        """Open just these folds, and repeats at these copies, as far as they are there."""
        self.opened = {name for name in names if name in self._folds or name in self._copies}

    def reveal(self, call: str) -> None:
        """Open what a call is inside of, of a repeat only the copy.

        Raises
        ------
        SplitError
            If there is no such call.
        """
        if call not in self.graph:
            raise SplitError(f"There is no call {call!r}. {closest(call, self.graph.names)}")
        for name, inside in pairwise([*path_to(self.root, self.graph.number[call]), call]):
            self.opened.add(inside if self._folds[name].kind == "repeat" and name not in self.opened else name)

    def turn(self, direction: str) -> None:
        """Let the drawing run down or to the right.

        Raises
        ------
        SplitError
            If it is another direction.
        """
        if direction not in ("down", "right"):
            raise SplitError(f"A picture runs 'down' or to the 'right'; found {direction!r}.")
        self.direction = "right" if direction == "right" else "down"

    def follow(self, heads: Iterable[frozenset[int]]) -> None:
        """Keep the folds open that cuts go through.

        Parameters
        ----------
        heads : iterable of frozenset of int
            Numbers of the calls before each cut.
        """
        self._heads = tuple(heads)

    @property
    def scene(self) -> Scene:
        """What is seen now. The same object as long as nothing changes."""
        now = self._now()
        key = (now.opened, frozenset(now.rows), self.direction, self._depth())
        if self._scene is None or self._scene[0] != key:
            seen = view(self.graph, now.root, now.opened)
            self._scene = (key, Scene(self._depth(), seen, self._laid_out(seen)))
        return self._scene[1]

    def _now(self) -> Gathered:
        """Return the folds with the copies gathered that nothing is to be seen of."""
        key = (frozenset(self.opened), self._heads)
        if self._gathered is None or self._gathered[0] != key:
            self._gathered = (key, gathered(self.root, self._heads, self.opened))
        return self._gathered[1]

    def _laid_out(self, seen: View) -> Layout:
        """Draw a view, with room for its frames, inputs and outputs in the model's order."""
        inputs, outputs = (
            list(dict.fromkeys(int(seen.box_of[self.graph.number[self.graph.tensors[name].call]]) for name in names))
            for names in (self.graph.inputs, self.graph.outputs)
        )
        frames = [frame.boxes for frame in framed(self._depth(), seen)]
        return lay_out(
            seen.successors,
            size=(_width(self.graph, seen, self.openable), _BOX_HEIGHT),
            direction=self.direction,
            inputs=inputs,
            outputs=outputs,
            room=room_for(frames, len(seen.boxes), seen.successors),
        )

    def _depth(self) -> str:
        """Name the depth that is seen. Where two show the same, it is the one that was asked for."""
        depths: tuple[Depth, ...] = (self._asked, "blocks", "layers", "all")
        return next((each for each in depths if self.opened == opened_at(self.graph, self.root, each)), "custom")

    def _known(self, name: str) -> Fold:
        found = self._folds.get(self._now().rows.get(name, name))
        if found is None:
            raise SplitError(f"There is no block {name!r:.80} to open or close. {closest(name, self._folds)}")
        return found


def _width(graph: LayerGraph, seen: View, openable: Collection[str]) -> float:
    """Give a width that nearly all texts fit, the same for all boxes, so that like blocks are drawn alike."""
    groups = {frame.fold.name for frame in seen.frames if frame.fold.kind == "group"}
    called = Counter(call.layer for call in graph)
    widths = []
    for box, exits in zip(seen.boxes, seen.exits, strict=True):
        last = graph.calls[exits[-1]]
        what = plural(len(box.calls), "call") if box.children else last.kind
        below = f"{what} · {shape_text(last.outputs[0].shape)}"
        marks = _OPEN_MARK if box.children or box.name in openable else 0.0
        marks += _BADGE + _DIGIT * len(f"×{box.count}") if box.count > 1 else 0.0
        marks += _TIED_MARK if not box.children and called[last.layer] > 1 else 0.0
        title = _CHARACTER * len(shown_title(box, groups))
        widths.append(marks + max(title, _SMALL_CHARACTER * len(below)))
    return min(250.0, max(140.0, 28 + sorted(widths)[math.ceil(0.95 * (len(widths) - 1))]))


def _folds(root: Fold) -> Iterator[Fold]:
    """Yield the folds inside of one that can be opened."""
    stack = list(root.children)
    while stack:
        each = stack.pop()
        if each.children:
            yield each
            stack.extend(each.children)
