"""Ways through a region tree: what is measured when, and what follows a core."""

from __future__ import annotations

from collections.abc import Sequence

from kerassplit_widget.structure.regions.tree import Region

__all__ = ["listed", "rests_after", "waves"]


def listed(tree: Region) -> tuple[list[Region], list[int]]:
    """List all regions but plain edges of cores, a parent before its children, and the place of each one's parent."""
    found: list[Region] = []
    around: list[int] = []
    stack = [(tree, -1)]
    while stack:
        region, parent = stack.pop()
        here = len(found)
        found.append(region)
        around.append(parent)
        plain = region.kind != "core"
        stack += [
            (child, here) for child in region.children[::-1] if isinstance(child, Region) and (child.children or plain)
        ]
    return found, around


def waves(regions: Sequence[Region], around: Sequence[int]) -> list[list[Region]]:
    """Sort regions by how many cores there are in them one in another, children before parents."""
    cores = [int(region.kind == "core") for region in regions]
    for i in range(len(regions) - 1, 0, -1):
        parent = around[i]
        cores[parent] = max(cores[parent], cores[i] + (regions[parent].kind == "core"))
    found: list[list[Region]] = [[] for _ in range(cores[0] + 1)]
    for i in range(len(regions) - 1, -1, -1):
        found[cores[i]].append(regions[i])
    return found


def rests_after(series: Sequence[int | Region], start: int, most: int) -> list[tuple[int, int]]:
    """List what lies between place `start` of a series and each call below it, up to the next core: places and sizes.

    Nothing larger than `most` is listed.
    """
    found = []
    size = 0
    for end in range(start + 1, len(series)):
        child = series[end]
        if isinstance(child, int):
            if size:
                found.append((end, size))
            size += 1
        elif child.kind == "core":
            break
        else:
            size += child.size
        if size > most:
            break
    return found
