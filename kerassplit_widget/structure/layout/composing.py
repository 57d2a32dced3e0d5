"""A core drawn from its cells: each class of cells is sketched once, and the core with a cell as one box.

A copy may be a mirror image of the others where that saves crossings: cells that read the two cells before them have
the line of the farther one on alternate sides. Where lines come to cells in another order than to their ports, the
cells are sketched once more, for the order in which they come. If lines still cross there, the cells are sketched for
trunks on both their sides, and the core anew around them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kerassplit_widget.structure.layout.cells import Cell, Pattern
from kerassplit_widget.structure.layout.layered import drawn_edges
from kerassplit_widget.structure.layout.search import Effort
from kerassplit_widget.structure.layout.shapes import Points, Spacing, simplified
from kerassplit_widget.structure.layout.sketching import Arranged, Plan, Sketch, arranged, set_out, turned
from kerassplit_widget.structure.layout.stacking import Box
from kerassplit_widget.structure.layout.sweeping import inversions

__all__ = ["Composition"]


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The sketch of a class of cells, moved so that the last item stands on x = 0.

    `ports` is how far right of that each port is, `foot` the height at which all but the last item ends.
    """

    sketch: Sketch
    ports: list[float]
    crossings: int
    foot: float

    @property
    def order(self) -> tuple[int, ...]:
        """The ports from left to right."""
        return tuple(sorted(range(len(self.ports)), key=self.ports.__getitem__))


@dataclass(slots=True)
class _Copy:
    """A cell in the core: its box there, its drawing, and 1, or -1 for a mirror image.

    Of a cell that ends with the exit, the box holds all the rest.
    """

    items: tuple[int, ...]
    cell: Cell
    drawn: _Drawn
    side: int = 1

    @property
    def box(self) -> Box:
        """Left, right and height."""
        left, right = (self.drawn.sketch.left, self.drawn.sketch.right)[:: self.side]
        return left, right, self.drawn.sketch.top[-1] if self.items == self.cell.items else self.drawn.foot


class Composition:
    """A core arranged from its cells, not drawn yet.

    Parameters
    ----------
    plan : Plan
    order : sequence of int
        Items in canonical order.
    classes : mapping of Pattern to sequence of Cell
        As `find_cells` gives them.
    space : Spacing
    effort : Effort
        Of which this takes its share.
    """

    def __init__(
        self,
        plan: Plan,
        order: Sequence[int],
        classes: Mapping[Pattern, Sequence[Cell]],
        space: Spacing,
        effort: Effort,
    ) -> None:
        copies: dict[int, _Copy] = {}  # by their last item but the exit
        exit_ = len(plan.boxes) - 1
        self._classes: dict[Pattern, list[_Copy]] = {}
        for pattern, cells in classes.items():
            drawn = _draw(pattern, cells[0], plan, space, effort)
            for cell in cells:
                items = cell.items if cell.items[-1] != exit_ else cell.items[:-1]
                copies[items[-1]] = _Copy(items, cell, drawn)
                self._classes.setdefault(pattern, []).append(copies[items[-1]])
        self._plan, self._space, self._effort = plan, space, effort
        self._outer = _Outer(plan, order, copies)
        self._order = arranged(self._outer.plan, space, effort.share(len(self._outer.items)))
        for pattern, alike in self._classes.items():
            self._turn_ports(pattern, alike)

    def _rearrange(self) -> None:
        """Sketch cells for trunks on both their sides, and arrange the core anew for these, if fewer cross then."""
        order, total = self._order, self.crossings
        known = {last: copy.drawn for last, copy in self._outer.copies.items()}
        redrawn: list[_Copy] = []
        for pattern, copies in self._classes.items():
            producers = zip(*(copy.cell.producers for copy in copies), strict=True)
            trunks = [port for port, each in enumerate(producers) if len(set(each)) < len(copies)]
            if trunks and self._cost(copies):
                plan = _plan_of(pattern, copies[0].cell, self._plan, self._space, passing=trunks)
                around = arranged(plan, self._space, self._effort.share(len(plan.boxes)) // 3)
                self._redraw(pattern, copies, [port - 1 for port in around.rows[1]])
                redrawn += copies
        if not redrawn:
            return
        plan = replace(self._outer.plan, ports=dict(map(self._outer.ports, redrawn)))
        found = arranged(plan, self._space, self._effort.share(len(plan.boxes)))
        at_ports = sum(self._outer.costs(found, copy)[0] for copy in redrawn)
        self._order = replace(found, crossings=found.crossings - at_ports)
        if self.crossings >= total:
            self._order = order
            for last, drawn in known.items():
                self._outer.copies[last].drawn = drawn

    def _redraw(self, pattern: Pattern, copies: Sequence[_Copy], coming: Sequence[int]) -> None:
        """Sketch a class of cells with its ports in a given order."""
        drawn = _draw(pattern, copies[0].cell, self._plan, self._space, self._effort, coming)
        for copy in copies:
            copy.drawn = drawn

    @property
    def crossings(self) -> int:
        """Count all crossings, if those copies are mirrored that had better be."""
        return self._order.crossings + sum(map(self._cost, self._classes.values()))

    def _turn_ports(self, pattern: Pattern, copies: Sequence[_Copy]) -> None:
        """Sketch a class of cells with its ports in the order in which lines mostly come, if fewer cross then."""
        orders = Counter(self._outer.coming(self._order, copy) for copy in copies)
        coming = max(orders, key=lambda order: orders[order] + orders[order[::-1]])
        known = copies[0].drawn
        if coming in (known.order, known.order[::-1]):
            return
        before = self._cost(copies)
        self._redraw(pattern, copies, coming)
        if self._cost(copies) >= before:
            for copy in copies:
                copy.drawn = known

    def _cost(self, copies: Sequence[_Copy]) -> int:
        """Count the crossings in copies and just before them, if those are mirrored that had better be."""
        return sum(copy.drawn.crossings + min(self._outer.costs(self._order, copy)) for copy in copies)

    def is_drawn_with(self, most: int) -> bool:
        """Choose which copies are mirrored, none if possible; tell whether about at most so many crossings are left.

        That copies are alike may cost one crossing for each but the first of its class: where a trunk goes on to the
        next copy, it passes what leads to this one.
        """
        if self.crossings > most:
            self._rearrange()
        copies = self._outer.copies.values()
        rest = most - sum(copy.drawn.crossings for copy in copies) - self._order.crossings
        return self._outer.choose_sides(self._order, rest) <= rest + len(copies) - len(self._classes)

    def worst(self) -> Pattern:
        """Tell in which class of cells and just before them the most crossings are."""
        return max(self._classes, key=lambda pattern: self._cost(self._classes[pattern]))

    def sketch(self, wanted: Sequence[Sequence[int]]) -> Sketch:
        """Draw the core, then the cells in their boxes, turned so that items rather stand in the orders wanted."""
        order = turned(self._order, [[self._outer.number[item] for item in row] for row in wanted])
        if order is not self._order:
            for copy in self._outer.copies.values():
                copy.side = -copy.side
        return self._outer.sketch(order, self._space)


def _draw(
    pattern: Pattern, cell: Cell, plan: Plan, space: Spacing, effort: Effort, coming: Sequence[int] = ()
) -> _Drawn:
    """Sketch a cell with its ports on top, in a given order if there is one."""
    first = len(pattern.ports) + 1
    inner = _plan_of(pattern, cell, plan, space, coming=coming)
    order = arranged(inner, space, effort.share(len(inner.boxes)) // 3)
    sketch = _moved(set_out(inner, order, space))
    return _Drawn(sketch, sketch.x[1:first], order.crossings, sketch.top[-2] - space.rank)


def _plan_of(
    pattern: Pattern,
    cell: Cell,
    plan: Plan,
    space: Spacing,
    coming: Sequence[int] = (),
    passing: Sequence[int] = (),
) -> Plan:
    """Plan a cell: after the entry its ports, then its items, and below them where lines come out that pass by."""
    ports, n = len(pattern.ports), len(cell.items)
    first, below = ports + 1, ports + 1 + n
    successors: list[list[int]] = [[]]
    successors += [[first + i for i in readers] for readers in pattern.ports]
    successors += [[first + i for i in readers] for readers in pattern.inner]
    exit_ = below + len(passing)
    for i, port in enumerate(passing):
        successors[1 + port].append(below + i)
    successors += [[exit_] for _ in passing]
    successors[below - 1] = [*range(below, exit_), exit_]
    successors.append([])
    led_to = {v for targets in successors for v in targets}
    successors[0] = [v for v in range(1, below) if v not in led_to]
    drawn = drawn_edges(successors, (True, True))
    drawn[below - 1] = []
    lane = (space.lane / 2, space.lane / 2, 0.0)
    # As wide to the left as to the right of their axes, so that a mirror image has room for them too.
    inside = [(max(box[:2]), max(box[:2]), box[2]) for box in (plan.boxes[item] for item in cell.items)]
    trunks = {1 + i for i, u in enumerate(cell.producers) if u in plan.trunks}
    trunks |= {first + i for i, item in enumerate(cell.items) if item in plan.trunks}
    return Plan(
        successors,
        drawn,
        [(0.0, 0.0, 0.0), *[lane] * ports, *inside, *[lane] * len(passing), (0.0, 0.0, 0.0)],
        (True, True),
        frozenset(trunks),
        tuple([1 + port for port in coming]) or tuple(range(1, first)),
        bool(coming),
    )


def _moved(sketch: Sketch) -> Sketch:
    """Move a sketch so that the last item before the exit stands on x = 0."""
    axis = sketch.x[-2]
    return Sketch(
        [x - axis for x in sketch.x],
        sketch.top,
        sketch.left + axis,
        sketch.right - axis,
        {ends: tuple(point - axis for point in way) for ends, way in sketch.ways.items()},
    )


class _Outer:
    """The core with each cell as one item, which its last item stands for."""

    def __init__(self, plan: Plan, order: Sequence[int], copies: Mapping[int, _Copy]) -> None:
        self.whole, self.copies = plan, copies
        stands_for = {item: last for last, copy in copies.items() for item in copy.items}
        self.items = [item for item in order if stands_for.get(item, item) == item]
        number = {item: i for i, item in enumerate(self.items)}
        self.number = {item: number[stands_for.get(item, item)] for item in order}
        boxes = [plan.boxes[item] for item in self.items]
        for last, copy in copies.items():
            boxes[number[last]] = copy.box
        self.plan = Plan(
            self._between(plan.successors),
            self._between(plan.drawn),
            boxes,
            plan.open_ends,
            frozenset(self.number[item] for item in plan.trunks),
        )

    def _between(self, edges: Sequence[Sequence[int]]) -> list[list[int]]:
        """Find the edges between the items of this core."""
        found: list[set[int]] = [set() for _ in self.items]
        for u, targets in enumerate(edges):
            found[self.number[u]].update(self.number[v] for v in targets)
        return [sorted(targets - {u}) for u, targets in enumerate(found)]

    def choose_sides(self, order: Arranged, most: int) -> int:
        """Mirror copies until lines cross at most `most` times just before the ports; tell how often they do."""
        costs = {last: self.costs(order, copy) for last, copy in self.copies.items()}
        total = sum(cost for cost, _ in costs.values())
        # Those that save most come first; each copy that is not mirrored looks like the others.
        for last, (cost, mirrored) in sorted(costs.items(), key=lambda entry: entry[1][1] - entry[1][0]):
            if total <= most or mirrored >= cost:
                break
            self.copies[last].side = -1
            total += mirrored - cost
        return total

    def ports(self, copy: _Copy) -> tuple[int, tuple[int, ...]]:
        """Tell the item of a copy, and what leads to it in the order of its ports."""
        return self.number[copy.items[-1]], tuple([self.number[copy.cell.producers[i]] for i in copy.drawn.order])

    def coming(self, order: Arranged, copy: _Copy) -> tuple[int, ...]:
        """List the ports of a copy in the order in which their lines come to it from left to right."""
        box = self.number[copy.items[-1]]
        row = {node: i for i, node in enumerate(order.rows[order.graph.level[box] - 1])}
        port = {self.number[u]: i for i, u in enumerate(copy.cell.producers)}
        return tuple(port[order.graph.producer[node]] for node in sorted(order.graph.up[box], key=row.__getitem__))

    def costs(self, order: Arranged, copy: _Copy) -> tuple[int, int]:
        """Count the crossings just before the ports of a copy as it is, and of its mirror image."""
        coming = self.coming(order, copy)
        rank = {port: i for i, port in enumerate(copy.drawn.order)}
        wrong = inversions([rank[port] for port in coming])
        return wrong, len(coming) * (len(coming) - 1) // 2 - wrong

    def _offsets(self, copy: _Copy) -> dict[int, float]:
        """Tell how far right of its axis the line of each producer enters a copy."""
        ports = zip(copy.cell.producers, copy.drawn.ports, strict=True)
        return {self.number[u]: copy.side * x for u, x in ports}

    def sketch(self, order: Arranged, space: Spacing) -> Sketch:
        """Draw the core, then the cells in their boxes."""
        for last, copy in self.copies.items():
            self.plan.boxes[self.number[last]] = copy.box
        ports = {self.number[last]: self._offsets(copy) for last, copy in self.copies.items()}
        outside = set_out(self.plan, order, space, ports)
        n = len(self.whole.boxes)
        found = Sketch([0.0] * n, [0.0] * n, outside.left, outside.right, {})
        for i, item in enumerate(self.items):
            if item not in self.copies:
                found.x[item], found.top[item] = outside.x[i], outside.top[i]
        for last, copy in self.copies.items():
            self._put(copy, outside, self.number[last], found)
        for u, targets in enumerate(self.whole.drawn):
            for v in targets:
                if (u, v) not in found.ways:
                    found.ways[u, v] = outside.ways[self.number[u], self.number[v]]
        return found

    def _put(self, copy: _Copy, outside: Sketch, box: int, found: Sketch) -> None:
        """Put a copy into its box; lines go on from the ports."""
        x, top, inner = outside.x[box], outside.top[box], copy.drawn.sketch
        at = complex(x, top)
        first = 1 + len(copy.cell.producers)
        if copy.side < 0:
            found.mirrored.update(copy.items)
        for i, item in enumerate(copy.items, first):
            found.x[item], found.top[item] = x + copy.side * inner.x[i], top + inner.top[i]
        for (a, b), way in inner.ways.items():
            v = copy.cell.items[b - first]
            placed: Points = tuple(at + p if copy.side > 0 else at - p.conjugate() for p in way)
            if a < first:
                u = copy.cell.producers[a - 1]
                found.ways[u, v] = simplified((*outside.ways[self.number[u], box], *placed))
                continue
            # To the exit lines slant as they do in the other copies; where that ends is below the core.
            to_exit = b - first == len(copy.items)
            found.ways[copy.cell.items[a - first], v] = placed[:-1] if to_exit else placed
