"""A canonical order of the calls of a core: by how they are joined, and not by their numbers."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from kerassplit_widget.structure.regions.tree import Region

__all__ = ["canonical_order"]


def canonical_order(
    core: Region, kind: Mapping[int, Hashable], numbers: Sequence[int], colours: dict[Hashable, int]
) -> list[int]:
    """Sort a core's own calls topologically, by structure instead of by number.

    Calls are told apart by their depth, by what they are themselves and by all that comes before
    and after them. Calls that are still alike, nearly always interchangeable ones, keep their order.

    Parameters
    ----------
    core : Region
    kind : mapping of int to Hashable
        What each of the calls is.
    numbers : sequence of int
        Of the shapes of the core's edges.
    colours : dict of Hashable to int
        Numbers of what has been met so far, in all cores; it is added to.
    """
    depth = dict.fromkeys((core.entry, *core.own_calls, core.exit), 0)
    for edge in core.regions:  # topological: the edges into a call come before those out of it
        depth[edge.exit] = max(depth[edge.exit], depth[edge.entry] + 1)
    links = [(e.exit, e.entry, k) for e, k in zip(core.regions, numbers, strict=True)]
    above = _colours_along(links, kind, colours)
    # Walk from the exit up.
    below = _colours_along([(-u, -v, k) for v, u, k in links], {-call: what for call, what in kind.items()}, colours)
    return sorted(core.own_calls, key=lambda c: (depth[c], above[c], below[-c], c))


def _colours_along(
    links: Iterable[tuple[int, int, int]], kind: Mapping[int, Hashable], known: dict[Hashable, int]
) -> dict[int, int]:
    """Give calls numbers by what they are and what leads to them; equal numbers mean equal surroundings.

    A link says: to this call, from that one (a smaller number), over a block with this shape.
    """
    colours: dict[int, int] = {}
    for call, group in groupby(sorted(links), key=itemgetter(0)):
        key = (kind.get(call), *sorted((colours.get(other, 0), number) for _, other, number in group))
        colours[call] = known.setdefault(key, len(known) + 1)
    return colours
