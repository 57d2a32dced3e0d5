"""Measuring: the shape of every region, found from the inside out.

Regions that are built alike get the same shape object (hash-consing), so they come out congruent by
construction, and a network of a thousand equal blocks measures one of them.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from kerassplit_widget.structure.layout.core import core_shape
from kerassplit_widget.structure.layout.search import Effort
from kerassplit_widget.structure.layout.shapes import Measured, ParallelShape, Shape, Spacing
from kerassplit_widget.structure.regions.tree import SOURCE, Region

__all__ = ["Measurer"]

_DOMINANT = 0.55  # share of the calls, from which on a branch stands on the axis


class Measurer:
    """Gives every region of a tree its shape.

    Parameters
    ----------
    sizes : iterable of (float, float)
        Width and height of each call's box.
    spacing : Spacing
    bus : collection of int
        Calls whose lines run in one trunk wherever they lie in a core.
    tapped : collection of int
        Calls that are joined with a bus on the right of all.
    aside : collection of int
        Calls that need nothing but the bus. They stand between it and the rest.
    inputs, outputs : sequence of int
        Calls to stand in this order from left to right where that is free.
    """

    def __init__(
        self,
        sizes: Iterable[tuple[float, float]],
        spacing: Spacing,
        bus: Collection[int] = (),
        tapped: Collection[int] = (),
        aside: Collection[int] = (),
        inputs: Sequence[int] = (),
        outputs: Sequence[int] = (),
    ) -> None:
        self.spacing = spacing
        self.bus = frozenset(bus)
        self._shapes: dict[Hashable, Shape] = {}
        self.boxes = [self._box(size, call in tapped, call in aside) for call, size in enumerate(sizes)]
        self._effort = Effort(len(self.boxes))
        # For open entries and exits: from calls and regions to their place among inputs and outputs.
        self._ranks: tuple[dict[int | Region, int], ...] = tuple(
            {call: i for i, call in enumerate(calls)} for calls in (inputs, outputs)
        )
        self._colours: dict[Hashable, int] = {}
        self._cores: dict[Hashable, tuple[Shape | None, list[int]]] = {}  # by how a core is numbered: also its slots
        self._measured: dict[Region, Measured] = {}
        self._completed: dict[int | Region, tuple[Region, int]] = {}  # by core: the one made of it, and where that ends

    def measure(self, tree: Region) -> dict[Region, Measured]:
        """Shapes of all regions in `tree`, children before parents."""
        sink = tree.exit
        plain: Measured | None = None  # most regions of a graph with cores are plain edges
        regions = list(tree.walk())
        place_of = {
            child: (region.children, i + 1)
            for region in regions
            if region.kind == "series"
            for i, child in enumerate(region.children)
            if isinstance(child, Region) and child.kind == "core"
        }
        found: Measured | None
        for region in reversed(regions):
            if not region.children:
                plain = plain or self._series(region, (False, False))
                self._measured[region] = plain
                continue
            # At an open end there are no edges to fan out, and branches are aligned to the other.
            open_ends = (region.entry == SOURCE, region.exit == sink)
            if any(self._ranks):
                self._rank(region, open_ends)
            if region.kind == "series":
                found = self._series(region, open_ends)
            elif region.kind == "parallel":
                found = self._parallel(region, open_ends)
            else:
                found = self._complete(region, *place_of[region]) or self._core(region, open_ends)
            assert found is not None  # only a torn core has no shape
            self._measured[region] = found
        return self._measured

    def _box(self, size: tuple[float, float], tapped: bool, aside: bool) -> Shape:
        key = (size, tapped, aside)
        shape = self._shapes.get(key)
        if shape is None:
            width, height = size
            shape = Shape(len(self._shapes) + 1, width / 2, width / 2, height, 1, tapped=tapped, aside=aside)
            self._shapes[key] = shape
        return shape

    def _rank(self, region: Region, open_ends: tuple[bool, bool]) -> None:
        """Note the first of the inputs in a region with an open entry, of the outputs in one with an open exit."""
        for ranks, is_open in zip(self._ranks, open_ends, strict=True):
            found = [ranks[child] for child in region.children if child in ranks] if is_open and ranks else ()
            if found:
                ranks[region] = min(found)

    def _in_order(self, branches: Sequence[Region], open_ends: tuple[bool, bool]) -> list[Region] | None:
        """Sort branches by the inputs or outputs in them; None if these have no say."""
        if any(self._shape(branch).tapped for branch in branches):
            return None
        for ranks, is_open in zip(self._ranks, open_ends, strict=True):
            if is_open and sum(branch in ranks for branch in branches) > 1:
                return sorted(branches, key=lambda branch: ranks.get(branch, len(ranks)))
        return None

    def _shape(self, region: Region) -> Shape:
        return self._measured[region].shape

    def _series(self, region: Region, open_ends: tuple[bool, bool]) -> Measured:
        children = self._with_completed(region.children) if self._completed else region.children
        key = self._series_key(children, open_ends)
        shape = self._shapes.get(key)
        if shape is None:
            boxes, measured = self.boxes, self._measured
            inner = [boxes[child] if isinstance(child, int) else measured[child].shape for child in children]
            shape = _series_shape(len(self._shapes) + 1, inner, region.size, key[1], self.spacing)
            self._shapes[key] = shape
        return Measured(shape, children)

    def _series_key(
        self, children: Sequence[int | Region], open_ends: tuple[bool, bool]
    ) -> tuple[str, int, tuple[int, ...]]:
        """Tell series apart: by the gaps at their ends and what is in them."""
        boxes, measured = self.boxes, self._measured
        # A region at either end needs a gap in which its edges fan out from the series' own port.
        fans = 0
        if children:
            fans += not (open_ends[0] or isinstance(children[0], int))
            fans += not (open_ends[1] or isinstance(children[-1], int))
        numbers = [
            boxes[child].number if isinstance(child, int) else measured[child].shape.number for child in children
        ]
        return "series", fans, tuple(numbers)

    def _parallel(self, region: Region, open_ends: tuple[bool, bool]) -> Measured:
        branches = self._in_order(region.regions, open_ends)
        ordered = branches is not None
        if branches is None:
            branches = sorted(region.regions, key=lambda branch: self._shape(branch).number)
        inner = [self._shape(branch) for branch in branches]
        key = ("parallel", open_ends, ordered, *(shape.number for shape in inner))
        shape = self._shapes.get(key)
        if shape is None:
            shape = _parallel_shape(len(self._shapes) + 1, inner, region.size, open_ends, self.spacing, ordered=ordered)
            self._shapes[key] = shape
        return Measured(shape, tuple(branches))

    def _with_completed(self, children: Sequence[int | Region]) -> tuple[int | Region, ...]:
        """Put completed cores in the place of what they are made of."""
        found: list[int | Region] = []
        end = 0
        for i, child in enumerate(children):
            if i < end:
                continue
            if child in self._completed:
                child, end = self._completed[child]
            found.append(child)
        return tuple(found)

    def _complete(self, core: Region, series: Sequence[int | Region], start: int) -> Measured | None:
        """Take what follows a core into it, if this makes the last of like cells whole.

        Where nothing leads past the last of some like blocks any more, the core ends in the middle of it. The rest is
        known by what lies between two calls, which then does so in the core too. The core is the one before place
        `start` of a series.
        """
        sizes: dict[int, set[int]] = {}
        for edge in core.regions:
            if edge.size:
                sizes.setdefault(edge.size, set()).add(self._shape(edge).number)
        size, longest = 0, max(sizes, default=0)
        for end in range(start + 1, len(series)):
            child = series[end]
            if isinstance(child, int):
                rest = series[start + 1 : end]
                known = self._shapes.get(self._series_key(rest, (False, False))) if size in sizes else None
                if known is not None and known.number in sizes[size]:
                    edge = Region("series", core.exit, child, tuple(rest), size)
                    self._measured[edge] = Measured(known, edge.children)
                    whole = Region("core", core.entry, child, (*core.children, core.exit, edge), core.size + size + 1)
                    open_ends = (core.entry == SOURCE, False)
                    if any(self._ranks):
                        self._rank(whole, open_ends)
                    found = self._core(whole, open_ends, torn=True)
                    if found is not None:
                        self._completed[core] = whole, end
                        self._measured[whole] = found
                        return found
            elif child.kind == "core":
                break
            size += child.size if isinstance(child, Region) else 1
            if size > longest:
                break
        return None

    def _core(self, region: Region, open_ends: tuple[bool, bool], *, torn: bool = False) -> Measured | None:
        own, edges = region.own_calls, region.regions
        pieces: tuple[int | Region, ...] = (*own, *edges)
        measured, boxes, bus = self._measured, self.boxes, self.bus
        local = {call: i for i, call in enumerate((region.entry, *own, region.exit))}
        key = (
            torn,
            open_ends,
            self._wanted(own, edges, open_ends),
            tuple([local[call] for call in (region.entry, *own) if call in bus]) if bus else (),
            tuple([boxes[call].number for call in own]),
            tuple([local[edge.entry] for edge in edges]),
            tuple([local[edge.exit] for edge in edges]),
            tuple([measured[edge].shape.number for edge in edges]),
        )
        known = self._cores.get(key)
        if known is None:
            calls = self._canonical(region)
            local = {call: i for i, call in enumerate((region.entry, *calls, region.exit))}
            in_order = sorted(edges, key=lambda edge: (local[edge.exit], local[edge.entry]))
            arranged: tuple[int | Region, ...] = (*calls, *in_order)
            slot = {piece: i for i, piece in enumerate(pieces)}
            shape = self._core_shape(region, calls, in_order, open_ends, torn=torn)
            known = self._cores[key] = (shape, [slot[piece] for piece in arranged])
        shape, slots = known
        return None if shape is None else Measured(shape, tuple([pieces[i] for i in slots]))

    def _core_shape(
        self, region: Region, calls: Sequence[int], edges: Sequence[Region], open_ends: tuple[bool, bool], *, torn: bool
    ) -> Shape | None:
        """Find the shape of a core whose calls and edges are in canonical order; None as `core_shape` does."""
        local = {call: i for i, call in enumerate((region.entry, *calls, region.exit))}
        ends = [(local[edge.entry], local[edge.exit]) for edge in edges]
        blocks = [self._shape(edge) for edge in edges]
        boxes = [self.boxes[call] for call in calls]
        bus = frozenset(local[call] for call in (region.entry, *calls) if call in self.bus)
        numbers = [shape.number for shape in (*boxes, *blocks)]
        wanted = self._wanted(calls, edges, open_ends)
        key = ("core", torn, open_ends, len(calls), bus, wanted, *ends, *numbers)
        shape = self._shapes.get(key)
        if shape is None:
            number = len(self._shapes) + 1
            shape = core_shape(
                number, boxes, ends, blocks, open_ends, bus, self.spacing, self._effort, wanted, torn=torn
            )
            if shape is not None:
                self._shapes[key] = shape
        return shape

    def _wanted(
        self, calls: Sequence[int], edges: Sequence[Region], open_ends: tuple[bool, bool]
    ) -> tuple[tuple[int, ...], ...]:
        """List what holds inputs and outputs, each in their order: calls by place, then edges."""
        if not any(self._ranks):
            return (), ()
        pieces = (*calls, *edges)
        rows = []
        for ranks, is_open in zip(self._ranks, open_ends, strict=True):
            ranked = sorted((ranks[piece], i) for i, piece in enumerate(pieces) if piece in ranks) if is_open else []
            rows.append(tuple(i for _, i in ranked))
        return tuple(rows)

    def _canonical(self, core: Region) -> list[int]:
        """Sort the core's own calls topologically, by structure instead of by number.

        Calls are told apart by their depth, by what they are themselves and by all that comes before
        and after them. Calls that are still alike, nearly always interchangeable ones, keep their order.
        """
        depth = dict.fromkeys((core.entry, *core.own_calls, core.exit), 0)
        for edge in core.regions:  # topological: the edges into a call come before those out of it
            depth[edge.exit] = max(depth[edge.exit], depth[edge.entry] + 1)
        numbers = [self._shape(edge).number for edge in core.regions]
        links = [(e.exit, e.entry, k) for e, k in zip(core.regions, numbers, strict=True)]
        kind = {call: (self.boxes[call].number, call in self.bus) for call in core.own_calls}
        above = self._colours_along(links, kind)
        # Walk from the exit up.
        below = self._colours_along([(-u, -v, k) for v, u, k in links], {-call: what for call, what in kind.items()})
        return sorted(core.own_calls, key=lambda c: (depth[c], above[c], below[-c], c))

    def _colours_along(self, links: Iterable[tuple[int, int, int]], kind: Mapping[int, Hashable]) -> dict[int, int]:
        """Give calls numbers by what they are and what leads to them; equal numbers mean equal surroundings.

        A link says: to this call, from that one (a smaller number), over a block with this shape.
        """
        colours: dict[int, int] = {}
        for call, group in groupby(sorted(links), key=itemgetter(0)):
            key = (kind.get(call), *sorted((colours.get(other, 0), number) for _, other, number in group))
            colours[call] = self._colours.setdefault(key, len(self._colours) + 1)
        return colours


def _series_shape(number: int, inner: Sequence[Shape], size: int, fans: int, space: Spacing) -> Shape:
    """Put one below the other."""
    left = max((shape.left for shape in inner), default=0.0)
    right = max((shape.right for shape in inner), default=0.0)
    height = sum(shape.height for shape in inner) + (max(0, len(inner) - 1) + fans) * space.rank
    tapped = any(shape.tapped for shape in inner)
    aside = bool(inner) and all(shape.aside for shape in inner)
    return Shape(number, left, right, height, size, tapped=tapped, aside=aside)


def _parallel_shape(
    number: int,
    inner: Sequence[Shape],
    size: int,
    open_ends: tuple[bool, bool],
    space: Spacing,
    *,
    ordered: bool,
) -> ParallelShape:
    """Put branches side by side, the skip in a lane on the lighter side, what hangs on a bus to the right."""
    branches = [i for i, shape in enumerate(inner) if shape.size and not shape.aside]
    height = max(shape.height for shape in inner)
    tapped = any(shape.tapped for shape in inner)
    side_by_side = _in_a_row if ordered else _side_by_side
    axis, left, right = side_by_side([inner[i] for i in branches], size, space)
    across = dict(zip(branches, axis, strict=True))
    for i, shape in enumerate(inner):
        if shape.aside:
            across[i] = right + space.node + shape.left
            right = across[i] + shape.right
        elif not shape.size and not branches:
            across[i] = 0.0
        elif not shape.size and right <= left and not tapped:
            right += space.lane
            across[i] = right
        elif not shape.size:
            left += space.lane
            across[i] = -left
    slots = []
    for i, shape in enumerate(inner):
        slack = height - shape.height if shape.size else 0.0
        # Inputs stand close to what reads them, outputs close to what makes them.
        y = {(True, False): slack, (False, False): slack / 2}.get(open_ends, 0.0)
        slots.append(complex(across[i], y))
    return ParallelShape(number, left, right, height, size, tuple(slots), tapped=tapped)


def _side_by_side(inner: Sequence[Shape], size: int, space: Spacing) -> tuple[list[float], float, float]:
    """Axes of the branches, and the room to the left and right of the common axis.

    A branch with at least 55 % of the calls goes on the axis and the others beside it, each on the
    side that is lighter so far. Otherwise the row is centred, the largest branch in the middle.
    Between a branch that is joined with a bus and the bus on the right are only others such.
    """
    tapped = any(shape.tapped for shape in inner)
    by_size = sorted(range(len(inner)), key=lambda i: (-inner[i].size, inner[i].number, i))
    if not inner:
        return [], space.lane / 2, space.lane / 2
    first = inner[by_size[0]]
    axis = [0.0] * len(inner)
    left, right = first.left, first.right
    for i in by_size[1:]:
        shape = inner[i]
        if shape.tapped if tapped else right <= left:
            axis[i] = right + space.node + shape.left
            right = axis[i] + shape.right
        else:
            axis[i] = -(left + space.node + shape.right)
            left = -axis[i] + shape.left
    if first.size < _DOMINANT * size and len(inner) % 2 == 0:  # an odd row has its middle on the axis
        shift = (left - right) / 2
        axis = [x + shift for x in axis]
        left = right = (left + right) / 2
    return axis, left, right


def _in_a_row(inner: Sequence[Shape], size: int, space: Spacing) -> tuple[list[float], float, float]:
    """Do the same for branches that keep their order from left to right."""
    n = len(inner)
    pivot = max(range(n), key=lambda i: inner[i].size)
    alone = inner[pivot].size >= _DOMINANT * size
    if not alone:
        pivot = n // 2
    axis = [0.0] * n
    left, right = inner[pivot].left, inner[pivot].right
    for i in range(pivot + 1, n):
        axis[i] = right + space.node + inner[i].left
        right = axis[i] + inner[i].right
    for i in range(pivot - 1, -1, -1):
        axis[i] = -(left + space.node + inner[i].right)
        left = -axis[i] + inner[i].left
    if not alone and n % 2 == 0:
        shift = (left - right) / 2
        axis = [x + shift for x in axis]
        left = right = (left + right) / 2
    return axis, left, right
