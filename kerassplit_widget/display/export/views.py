"""The views that a page without a kernel can show: worked out before, told apart by place.

A *place* is something to look at: a depth, or one fold that is opened where all others are closed. It has a view for
each direction.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kerassplit_widget.display import wire
from kerassplit_widget.display.viewing import Viewer
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.layout import Direction
from kerassplit_widget.structure.regions.folding import Fold
from kerassplit_widget.structure.views import Depth, path_to

__all__ = ["Places", "encoded", "pack_places"]

Places = dict[str, Any]

_DIRECTIONS: tuple[Direction, ...] = ("down", "right")
_DEPTHS: tuple[Depth, ...] = ("blocks", "layers", "all")
_OWN = ("bounds", "direction", "frames", "geometry")
"""What two views of the same boxes have not in common."""

_BUDGET = 500_000
"""Characters that the views of single folds may take; those further in are seen in the view of everything."""


def encoded(value: Any) -> str:
    r"""Write as JSON; bytes, such as a view's geometry, in base 64.

    Parameters
    ----------
    value : object
        What JSON knows, and bytes.

    Returns
    -------
    str
        Without a ``<``, so that it can stand in a page's script element: names are whatever people like.

    Examples
    --------
    >>> encoded({"a": "</script>", "b": b"123"})
    '{"a":"\\u003c/script>","b":"MTIz"}'
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_base64)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _base64(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    raise TypeError(f"{type(value).__name__} cannot be written into a page.")


def pack_places(graph: LayerGraph, heads: Iterable[frozenset[int]], now: Viewer, budget: int = _BUDGET) -> Places:
    """Work out all views of a page.

    Parameters
    ----------
    graph : LayerGraph
        With n calls.
    heads : iterable of frozenset of int
        The calls before each placed cut: what a cut goes through is open everywhere.
    now : Viewer
        What is seen at first. It is left as it is.
    budget : int
        Characters that the views of single folds may take.

    Returns
    -------
    dict
        JSON but for the geometries. ``"views"``: as `wire.view`, what two of them share in ``"shared"`` and its number
        in ``"share"``. ``"places"``: for each the numbers of its views down and to the right, and the place that is
        seen when its fold is closed, or -1. ``"depths"``: the places of the depths. ``"folds"``: pairs of the name of
        a fold and its place. ``"reveal"``, shape (n,): the place where a call is a box of its own. ``"start"``: the
        place that is seen at first.
    """
    packer = _Packer(graph, heads, now.root)
    depths = {depth: packer.add(lambda depth=depth: packer.viewer.show(depth)) for depth in _DEPTHS}  # type: ignore[misc]
    at_first = frozenset(now.opened)
    start = packer.known.get(at_first)
    if start is None:
        start = packer.add(lambda: packer.viewer.restore(at_first))
    folds = _open_folds(packer, depths["blocks"], budget)
    return {
        "shared": packer.shared,
        "views": packer.views,
        "places": packer.places,
        "depths": depths,
        "folds": list(folds.items()),
        "reveal": _revealing(packer, folds, depths["all"]),
        "start": start,
        "direction": now.direction,
    }


class _Packer:
    """Collects views, each once."""

    def __init__(self, graph: LayerGraph, heads: Iterable[frozenset[int]], root: Fold) -> None:
        self.graph = graph
        self.viewer = Viewer(graph, root=root)
        self.viewer.follow(heads)
        self.shared: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self.places: list[list[int]] = []
        self.known: dict[frozenset[str], int] = {}
        self.size = 0

    def add(self, step: Callable[[], None], outside: int = -1) -> int:
        """Take the place that is seen after a step; return its number."""
        step()
        opened = frozenset(self.viewer.opened)
        if opened not in self.known:
            self.known[opened] = len(self.places)
            self.places.append([*self._views(), outside])
        return self.known[opened]

    def boxes(self, place: int) -> dict[str, Any]:
        """Return what the views of a place share."""
        found: dict[str, Any] = self.shared[self.views[self.places[place][0]]["share"]]
        return found

    def _views(self) -> list[int]:
        numbers: list[int] = []
        for direction in _DIRECTIONS:
            self.viewer.turn(direction)
            packed = wire.view(self.graph, self.viewer.scene)
            packed["opened"] = sorted(self.viewer.opened)
            own = {key: packed.pop(key) for key in _OWN}
            if not numbers:
                self.shared.append(packed)
                self.size += len(encoded(packed))
            self.views.append({**own, "share": len(self.shared) - 1})
            self.size += len(encoded(own))
            numbers.append(len(self.views) - 1)
        self.viewer.turn("down")
        return numbers


def _open_folds(packer: _Packer, blocks: int, budget: int) -> dict[str, int]:
    """Open each fold alone, outer ones first, as long as there is room."""
    folds: dict[str, int] = {}
    before = packer.size
    queue = [(name, blocks, []) for name in _openable(packer, blocks)]  # type: list[tuple[str, int, list[str]]]
    for name, outside, around in queue:
        if packer.size - before > budget:
            break

        def step(path: Sequence[str] = (*around, name)) -> None:
            packer.viewer.show("blocks")
            for each in path:
                packer.viewer.open(each)

        seen = set(packer.boxes(outside)["boxes"]["id"])
        folds[name] = packer.add(step, outside)
        inside = [each for each in _openable(packer, folds[name]) if each not in seen]
        queue += [(each, folds[name], [*around, name]) for each in inside]
    return folds


def _openable(packer: _Packer, place: int) -> list[str]:
    boxes = packer.boxes(place)["boxes"]
    return [name for name, opens in zip(boxes["id"], boxes["openable"], strict=True) if opens]


def _revealing(packer: _Packer, folds: dict[str, int], everything: int) -> list[int]:
    """For each call, name the place of the innermost fold around it in whose view it is a box of its own."""
    found = []
    for number, name in enumerate(packer.graph.names):
        path = path_to(packer.viewer.root, number)
        place = folds.get(path[-1], everything) if path else everything
        found.append(place if name in packer.boxes(place)["boxes"]["id"] else everything)
    return found
