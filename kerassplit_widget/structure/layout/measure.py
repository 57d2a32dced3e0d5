"""Measuring: the shape of every region, found from the inside out.

Regions that are built alike get the same shape object (hash-consing), so they come out congruent by
construction, and a network of a thousand equal blocks measures one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import TypeAlias

from kerassplit_widget.structure.layout.branches import parallel_shape
from kerassplit_widget.structure.layout.canonical import canonical_order
from kerassplit_widget.structure.layout.core import core_shape
from kerassplit_widget.structure.layout.rough import LIMIT, repeating, rough_shapes
from kerassplit_widget.structure.layout.rough.graph import Core, Items, items_of
from kerassplit_widget.structure.layout.search import Effort
from kerassplit_widget.structure.layout.shapes import Measured, Shape, Spacing
from kerassplit_widget.structure.layout.walking import listed, rests_after, waves
from kerassplit_widget.structure.regions.tree import SOURCE, Region

__all__ = ["Measurer"]

_Key: TypeAlias = tuple[tuple[bool, bool], Hashable, Hashable, tuple[int, ...]]  # the last are the children of a core


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
        self._ranked = any(self._ranks)
        self._colours: dict[Hashable, int] = {}
        self._keys: dict[Region, _Key] = {}
        self._in_cores = 0  # calls met so far, those of cores that look like one before left out
        # By how a core is numbered, with what sorts its children by slot.
        self._cores: dict[
            Hashable, tuple[Shape | None, Callable[[Sequence[int | Region]], tuple[int | Region, ...]]]
        ] = {}
        self._measured: dict[Region, Measured] = {}
        self._completed: dict[Hashable, tuple[Region, int]] = {}  # by core: the one made of it, and where that ends
        self._plain = self._series(Region("series", 0, 0, (), 0), (False, False))  # most edges of cores

    def measure(self, tree: Region) -> dict[Region, Measured]:
        """Shapes of all regions in `tree`, children before parents."""
        sink = tree.exit
        regions, around = listed(tree)
        cores = [i for i, region in enumerate(regions) if region.kind == "core"]
        place_of: dict[Region, tuple[Sequence[int | Region], int]] = {
            child: (regions[i].children, place + 1)
            for i in {around[core] for core in cores}
            for place, child in enumerate(regions[i].children)
            if isinstance(child, Region)
        }
        crowded = sum([regions[i].size for i in cores]) > LIMIT
        for wave in waves(regions, around) if crowded else (regions[::-1],):
            if crowded:
                self._draw_roughly([region for region in wave if region.kind == "core"], sink)
            for region in wave:
                if region not in self._measured:
                    self._measured[region] = self._measure(region, sink, place_of)
        return self._measured

    def _measure(
        self, region: Region, sink: int, place_of: Mapping[Region, tuple[Sequence[int | Region], int]]
    ) -> Measured:
        if not region.children:
            return self._plain
        open_ends = self._open_ends(region, sink)
        if region.kind == "series":
            return self._series(region, open_ends)
        if region.kind == "parallel":
            return self._parallel(region, open_ends)
        found = self._complete(region, *place_of[region]) or self._core(region, open_ends)
        assert found is not None  # only a torn core has no shape
        return found

    def _open_ends(self, region: Region, sink: int) -> tuple[bool, bool]:
        """Tell which ends are open: there are no edges to fan out, and branches are aligned to the other."""
        open_ends = (region.entry == SOURCE, region.exit == sink)
        if self._ranked:
            self._rank(region, open_ends)
        return open_ends

    def _draw_roughly(self, regions: Sequence[Region], sink: int) -> None:
        """Draw roughly what `rough` says of these cores, in which all is measured."""
        new: dict[_Key, Region] = {}
        for region in regions:
            key = self._keys[region] = self._core_key(region, self._open_ends(region, sink))
            if (False, key) not in self._cores:
                new.setdefault(key, region)
        items = self._items(new.values(), sink)
        repeated = repeating(items)
        if any(repeated):
            new = {key: region for (key, region), out in zip(new.items(), repeated, strict=True) if not out}
            items = self._items(new.values(), sink)
        self._in_cores += len(items.calls)
        if not new or self._in_cores <= LIMIT:
            return
        sizes = [region.size for region in new.values()]
        wishes = self._wishes(new.values(), items, sink)
        shapes = rough_shapes(items, sizes, len(self._shapes) + 1, wishes, self.spacing)
        for key, shape in zip(new, list(shapes), strict=True):
            self._shapes["rough", key] = shape
            calls = [i for i, child in enumerate(key[-1]) if child < 0]
            edges = [i for i, child in enumerate(key[-1]) if child >= 0]
            self._cores[False, key] = shape, itemgetter(*calls, *edges)
        for region in regions:
            if self._keys[region] in new:
                found = self._core(region, (False, False))  # its key is known
                assert found is not None
                self._measured[region] = found

    def _items(self, regions: Iterable[Region], sink: int) -> Items:
        cores = [Core(self._keys[region][-1], (region.entry == SOURCE, region.exit == sink)) for region in regions]
        return items_of(cores, list(self._shapes.values()), self._plain.shape.number)

    def _wishes(self, regions: Iterable[Region], items: Items, sink: int) -> dict[int, list[list[int]]]:
        """List for some cores the items that are to stand in an order, as `rough_shapes` takes them."""
        found = {}
        for i, region in enumerate(regions if self._ranked or any(items.tapped) else ()):
            own, edges = region.own_calls, region.regions
            calls, blocks = items.inside(i)
            # What is joined with a bus stands on the right of the entry.
            entry = int(items.entries[i])
            rows = [[entry, item] for item, call in zip(calls, own, strict=True) if self.boxes[call].tapped]
            inner = iter(blocks)
            pieces = [*calls, *(next(inner) if edge.children else -1 for edge in edges)]
            for row in self._wanted(own, edges, (region.entry == SOURCE, region.exit == sink)):
                rows.append([pieces[j] for j in row if pieces[j] >= 0])
            if rows:
                found[i] = rows
        return found

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
        return (self._measured[region] if region.children else self._plain).shape

    def _number(self, region: Region) -> int:
        return self._measured[region].shape.number

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
        numbers = [(boxes[child] if isinstance(child, int) else measured[child].shape).number for child in children]
        return "series", fans, tuple(numbers)

    def _parallel(self, region: Region, open_ends: tuple[bool, bool]) -> Measured:
        children: Sequence[Region] = region.children  # type: ignore[assignment]  # no call is in parallel to others
        branches = self._in_order(children, open_ends) if self._ranked else None
        ordered = branches is not None
        if branches is None:
            branches = sorted(children, key=self._number)
        key = ("parallel", open_ends, ordered, *map(self._number, branches))
        shape = self._shapes.get(key)
        if shape is None:
            inner = [self._shape(branch) for branch in branches]
            shape = parallel_shape(len(self._shapes) + 1, inner, region.size, open_ends, self.spacing, ordered=ordered)
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
        rests = rests_after(series, start, core.size)
        if not rests:
            return None
        sizes: dict[int, set[int]] = {}
        for edge in core.regions:
            if edge.size:
                sizes.setdefault(edge.size, set()).add(self._number(edge))
        for end, size in rests:
            rest, exit_ = series[start + 1 : end], series[end]
            known = self._shapes.get(self._series_key(rest, (False, False))) if size in sizes else None
            if known is not None and known.number in sizes[size]:
                assert isinstance(exit_, int)
                edge = Region("series", core.exit, exit_, tuple(rest), size)
                self._measured[edge] = Measured(known, edge.children)
                whole = Region("core", core.entry, exit_, (*core.children, core.exit, edge), core.size + size + 1)
                found = self._core(whole, self._open_ends(whole, -1), torn=True)
                if found is not None:
                    self._completed[core] = whole, end
                    self._measured[whole] = found
                    return found
        return None

    def _core_key(self, region: Region, open_ends: tuple[bool, bool]) -> _Key:
        """Tell cores apart by how they are numbered."""
        measured, boxes, bus, plain = self._measured, self.boxes, self.bus, self._plain.shape.number
        calls = (region.entry, *region.own_calls)
        local = {call: i for i, call in enumerate(calls)}
        # Calls and edges as they come: the edges into a call before it. So this tells where each leads, too.
        children = [
            -boxes[child].number
            if isinstance(child, int)
            else local[child.entry] << 32 | (measured[child].shape.number if child.children else plain)
            for child in region.children
        ]
        wanted = self._wanted(calls[1:], region.regions, open_ends) if self._ranked else ()
        return open_ends, wanted, tuple([local[call] for call in calls if call in bus]) if bus else (), tuple(children)

    def _core(self, region: Region, open_ends: tuple[bool, bool], *, torn: bool = False) -> Measured | None:
        key = torn, self._keys.get(region) or self._core_key(region, open_ends)
        if key not in self._cores:
            kind = {call: (self.boxes[call].number, call in self.bus) for call in region.own_calls}
            numbers = [self._shape(edge).number for edge in region.regions]
            calls = canonical_order(region, kind, numbers, self._colours)
            local = {call: i for i, call in enumerate((region.entry, *calls, region.exit))}
            edges = sorted(region.regions, key=lambda edge: (local[edge.exit], local[edge.entry]))
            slot = {child: i for i, child in enumerate(region.children)}
            pieces: tuple[int | Region, ...] = (*calls, *edges)
            shape = self._core_shape(region, calls, edges, open_ends, torn=torn)
            self._cores[key] = (shape, itemgetter(*[slot[piece] for piece in pieces]))
        shape, in_slots = self._cores[key]
        return None if shape is None else Measured(shape, in_slots(region.children))

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
        if not self._ranked:
            return (), ()
        pieces = (*calls, *edges)
        rows = []
        for ranks, is_open in zip(self._ranks, open_ends, strict=True):
            ranked = sorted((ranks[piece], i) for i, piece in enumerate(pieces) if piece in ranks) if is_open else []
            rows.append(tuple(i for _, i in ranked))
        return tuple(rows)


def _series_shape(number: int, inner: Sequence[Shape], size: int, fans: int, space: Spacing) -> Shape:
    """Put one below the other."""
    left = max((shape.left for shape in inner), default=0.0)
    right = max((shape.right for shape in inner), default=0.0)
    height = sum(shape.height for shape in inner) + (max(0, len(inner) - 1) + fans) * space.rank
    tapped = any(shape.tapped for shape in inner)
    aside = bool(inner) and all(shape.aside for shape in inner)
    return Shape(number, left, right, height, size, tapped=tapped, aside=aside)
