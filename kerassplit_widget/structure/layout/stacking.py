"""The height of everything in a core, once it has its place on a level and its x.

Levels are only an order from top to bottom. What lies in one column is stacked in that order, so a
tall block makes room beside it and not the whole level taller, and no line meets what it did not
meet when all was drawn level by level.

Two kinds of things are stacked: boxes, and *slants*, the gaps in which lines between two levels
change their column. Lines whose slants have columns in common slant at the same height.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from kerassplit_widget.structure.layout.layered import LayeredGraph
from kerassplit_widget.structure.layout.shapes import Spacing

__all__ = ["Stack", "stacked"]

_FLATTEST = 16.0  # of a slant, width to height

Box = tuple[float, float, float]  # room to the left and right of the axis, height


@dataclass(slots=True)
class Stack:
    """Heights in a core, from its top at 0.

    Attributes
    ----------
    top : list of float
        The top of every item's box; the exit's is the height of the core.
    slant : dict of (int, int) to (float, float)
        For edges between nodes, but those from the entry or to the exit: where it leaves its column,
        and where it reaches the other one.
    """

    top: list[float]
    slant: dict[tuple[int, int], tuple[float, float]]


def stacked(
    graph: LayeredGraph,
    rows: Sequence[Sequence[int]],
    x: Sequence[float],
    boxes: Sequence[Box],
    open_ends: tuple[bool, bool],
    space: Spacing,
    shifts: Mapping[tuple[int, int], float] | None = None,
) -> Stack:
    """Stack boxes and slants.

    Parameters
    ----------
    graph : LayeredGraph
    rows : sequence of sequences of int
        The nodes of each level from left to right.
    x : sequence of float
        The column of every node.
    boxes : sequence of (float, float, float)
        Left, right and height of each item.
    open_ends : tuple of bool
        Whether the entry and the exit stand for nothing. Things hang from the top if the exit does,
        stand on the ground if the entry does, and otherwise float in the middle of the room they have.
    space : Spacing
    shifts : mapping of (int, int) to float, optional
        For edges that do not lead to the column of their lower end the x where they arrive.
    """
    pile = _Pile(space)
    box_of = [-1] * graph.items
    slants: dict[tuple[int, int], int] = {}
    bodies: set[int] = set()
    for item in range(graph.items):
        for node in graph.body(item)[1:]:
            if x[node] != x[item]:  # from here on it is but a broad line
                break
            bodies.add(node)
    arrivals = shifts or {}
    half_node, half_lane = space.node / 2, space.lane / 2
    for row, next_row in pairwise(rows[1:]):
        for node in row:
            if node < graph.items:
                left, right, height = boxes[node]
                box_of[node] = pile.add(x[node] - left - half_node, x[node] + right + half_node, height, space.rank)
        if next_row is rows[-1]:
            break
        spans = sorted(
            (min(x[a], goal) - half_lane, max(x[a], goal) + half_lane, a, b)
            for a in row
            for b in graph.down[a]
            if b not in bodies
            for goal in (arrivals.get((a, b), x[b]),)
            if x[a] != goal or a < graph.items or a in bodies or b < graph.items
        )
        start = 0
        end = float("-inf")
        for i, (low, high, *_) in enumerate(spans):
            if i and low >= end:
                _add_slants(pile, slants, spans[start:i], end, space)
                start = i
                end = float("-inf")
            end = max(end, high)
        if spans:
            _add_slants(pile, slants, spans[start:], end, space)
    top, height = pile.heights(hang=open_ends[1], stand=open_ends[0])
    return Stack(
        [0.0, *(top[box] for box in box_of[1:-1]), height],
        {edge: (top[slant], top[slant] + pile.tall[slant]) for edge, slant in slants.items()},
    )


def _add_slants(
    pile: _Pile,
    slants: dict[tuple[int, int], int],
    spans: Sequence[tuple[float, float, int, int]],
    end: float,
    space: Spacing,
) -> None:
    # Lines side by side that lead far must not be too flat to be told apart.
    furthest = max(high - low for low, high, *_ in spans)
    thing = pile.add(spans[0][0], end, max(space.rank, float(round(furthest / _FLATTEST))), 0.0)
    slants.update({(a, b): thing for _, _, a, b in spans})


@dataclass(slots=True)
class _Pile:
    """Things with a height, each over an interval of x, in the order in which they are added.

    `starts` and `owners` are the skyline from below: the thing last added at each x.
    """

    space: Spacing
    tall: list[float] = field(default_factory=list)
    margin: list[float] = field(default_factory=list)
    under: list[list[int]] = field(default_factory=list)  # the things just above each
    starts: list[float] = field(default_factory=lambda: [float("-inf")])
    owners: list[int] = field(default_factory=lambda: [-1])

    def add(self, left: float, right: float, tall: float, margin: float) -> int:
        """Add a thing below all that lies between `left` and `right`; boxes keep a margin to boxes."""
        new = len(self.tall)
        first = bisect_right(self.starts, left) - 1
        last = bisect_left(self.starts, right) - 1
        self.under.append(sorted(set(self.owners[first : last + 1]) - {-1}))
        self.tall.append(tall)
        self.margin.append(margin)
        starts, owners = [left, right], [new, self.owners[last]]
        if self.starts[first] < left:
            starts.insert(0, self.starts[first])
            owners.insert(0, self.owners[first])
        if last + 1 < len(self.starts) and self.starts[last + 1] == right:
            del starts[-1], owners[-1]
        self.starts[first : last + 1] = starts
        self.owners[first : last + 1] = owners
        return new

    def heights(self, *, hang: bool, stand: bool) -> tuple[list[float], float]:
        """Find the top of every thing, and the height of all."""
        early = [0.0] * len(self.tall)
        for i, above in enumerate(self.under):
            early[i] = max((early[j] + self._step(j, i) for j in above), default=0.0)
        height = max((y + tall for y, tall in zip(early, self.tall, strict=True)), default=0.0)
        if hang:
            return early, height
        late = [height - tall for tall in self.tall]
        for i in range(len(late) - 1, -1, -1):
            for j in self.under[i]:
                late[j] = min(late[j], late[i] - self._step(j, i))
        if stand:
            return late, height
        return [(a + b) / 2 for a, b in zip(early, late, strict=True)], height

    def _step(self, upper: int, lower: int) -> float:
        """Give the least distance between the tops of two things, one just above the other."""
        return self.tall[upper] + min(self.margin[upper], self.margin[lower])
