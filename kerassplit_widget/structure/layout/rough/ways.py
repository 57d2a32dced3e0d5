"""The ways of all edges of many cores, once it is known where their nodes are."""

from __future__ import annotations

import numpy as np

from kerassplit_widget.structure.layout.rough.graph import Items, Rows
from kerassplit_widget.structure.layout.routes import Floats, Lines

__all__ = ["ways"]


def ways(items: Items, rows: Rows, x: Floats, top: Floats, height: Floats, tops: Floats) -> Lines:
    """Lead from the bottom of one item to the top of another, for each edge between items; one not drawn has no points.

    `top` and `height` are those of rows, `tops` those of items. On a row lines run straight down, between two rows they
    slant. From an entry they begin where they come to the first row, to an exit they end below the last.
    """
    a, b = items.sources, items.targets
    # Each edge comes by its source, then dummies, then its target; ends of cores are left out.
    low = rows.level[rows.row[a]] == 0
    is_exit = np.append(rows.level[1:], 0)[rows.row[b]] == 0
    span = rows.row[b] - rows.row[a] + 1
    count = np.where(rows.drawn, span - low - is_exit, 0)
    edge = np.repeat(np.arange(len(a)), count)
    step = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count - low, count)
    starts, ends = step == 0, step == span[edge] - 1
    node = rows.trunk[a][edge] + step - 1
    node[starts], node[ends] = a[edge[starts]], b[edge[ends]]
    row = rows.row[node]
    points = np.empty((len(node), 2), dtype=np.complex128)
    points.real = x[node][:, np.newaxis]
    points.imag[:, 0], points.imag[:, 1] = top[row], (top + height)[row]
    points.imag[starts, 0] = (tops + items.height)[node[starts]]
    points.imag[ends, 1] = tops[node[ends]]
    return Lines(np.arange(len(a)), 2 * count, points.ravel()).simplified()
