"""`plot`: the picture of the widget, still, as vectors; and `png`, the same for where there is no widget."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from kerassplit_widget.display import wire
from kerassplit_widget.display.figures import palette
from kerassplit_widget.display.figures.drawing import NAME, Frame, draw
from kerassplit_widget.display.figures.inks import Colour, Ink, Legend, by_amount, by_kind, by_part, part_sizes
from kerassplit_widget.display.figures.legends import draw_legend, legend_size
from kerassplit_widget.display.figures.marks import CutLine, mark_cuts
from kerassplit_widget.display.figures.pages import Page, checked_width, page
from kerassplit_widget.display.figures.ranges import piece
from kerassplit_widget.display.figures.words import on_one_line, shortened, text_width
from kerassplit_widget.display.viewing import Scene, Viewer
from kerassplit_widget.errors import SplitError
from kerassplit_widget.models.counting import count_reading
from kerassplit_widget.models.cutting import place_cuts
from kerassplit_widget.models.inputs import Shapes
from kerassplit_widget.models.planning import Plan
from kerassplit_widget.models.reading import Expand, read_steps
from kerassplit_widget.structure.arguments import whole_number
from kerassplit_widget.structure.costs import CostTable
from kerassplit_widget.structure.cuts import Cut
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.layout import Direction
from kerassplit_widget.structure.regions.folding import Fold, fold
from kerassplit_widget.structure.text import bytes_text, count_text, listed, plural
from kerassplit_widget.structure.views import Depth

__all__ = ["plot", "png"]

_POINT = 0.75
"""Points on paper for a pixel: names are 8 points high."""

_LARGEST = 0.8
_WHOLE = 40
"""A graph of so many calls is drawn whole if nothing else is asked for: a page, unlike a screen, cannot be scrolled."""

_MARGIN = 14.0
_LABEL = 300.0
"""Pixels that a text beside a cut may take in a line."""


def plot(
    model: Any,
    cuts: Sequence[Any] | Plan | None = None,
    *,
    depth: Depth | None = None,
    colour: Colour = "part",
    direction: Direction = "down",
    only: tuple[Any, Any] | None = None,
    width: float | None = None,
    batch_size: int = 1,
    input_shapes: Shapes | None = None,
    expand: Expand = "nested",
) -> Figure:
    """Draw the layer graph of a model, ready for a paper.

    Parameters
    ----------
    model : keras.Model
        Functional, Sequential (built), or a subclassed one that was called on data.
    cuts : list, optional
        Cuts to mark, as `split` takes them; also a `Plan`. The parts are tinted then, and each cut says what crosses
        it. What a cut goes through is drawn open; copies of a repeat between two cuts stay one box.
    depth : {"blocks", "layers", "all"}, optional
        What is folded: repeats and blocks; groups only; nothing. By default blocks are, in models of more than 40
        calls.
    colour : {"part", "kind", "params", "macs", "bytes"}
        What the colours say: the part; the family of the class; or how many parameters, multiply-adds or bytes of
        outputs a box has, on a logarithmic scale; what is unknown is hatched.
    direction : {"down", "right"}
        Where the graph runs.
    only : tuple of two points, optional
        Draw what lies on the way from the first to the second; None stands for the model's inputs or outputs. Calls
        outside that are read inside are drawn dashed.
    width : float, optional
        Inches, such as 3.5 for a column of a paper. By default names are 8 points high.
    batch_size : int
        For bytes and multiply-adds.
    input_shapes : tuple, or dict of str to tuple, optional
        Fixes unknown dimensions of the inputs, as for `read`.
    expand : str or list of str
        Which groups are opened, as for `read`.

    Returns
    -------
    matplotlib.figure.Figure
        Save it as PDF or SVG for vectors: ``figure.savefig("model.pdf")``.

    Raises
    ------
    ModelError
        If it is not a Keras model, or its graph is not known.
    PointError, CutError
        If a cut is not possible.
    SplitError
        If another argument is none of these.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2)])
    >>> figure = ks.plot(model, cuts=["a"])
    >>> [text.get_text() for text in figure.axes[0].texts if "cut" in text.get_text()]
    ['cut after a: 1 tensor, 12 B']
    """
    if colour not in get_args(Colour):
        raise SplitError(f"colour= is one of {listed(get_args(Colour))}; found {colour!r}.")
    batch_size = whole_number("batch_size", batch_size)
    checked_width(width)
    options: dict[str, Any] = {"expand": expand, "input_shapes": input_shapes}
    if isinstance(cuts, Plan):
        options, cuts = {**options, **cuts.options}, cuts.cuts
    reading = read_steps(model, **options)
    placed = place_cuts(reading, cuts) if cuts else []
    table = count_reading(reading, batch_size) if colour in ("macs", "bytes") else None
    graph, ghosts = reading.graph, frozenset[str]()
    if only is not None:
        graph, ghosts = piece(graph, *_ends(only, reading.point_name))
    return _Sheet(graph, placed, batch_size, ghosts, direction, depth).figure(colour, table, width)


def png(
    graph: LayerGraph,
    cuts: Sequence[Cut] = (),
    *,
    batch_size: int = 1,
    max_bytes: int = 300_000,
    root: Fold | None = None,
) -> bytes:
    """Draw a graph, folded, for a page that shows pictures but no widgets.

    Parameters
    ----------
    graph : LayerGraph
    cuts : sequence of Cut
        Nested, of this graph.
    batch_size : int
    max_bytes : int
        The picture gets coarser until it takes no more.
    root : Fold, optional
        ``fold(graph)``, if it is at hand.

    Returns
    -------
    bytes
        On white, so that it is read on dark pages too.

    Raises
    ------
    SplitError
        If even the coarsest takes more.
    """
    figure = _Sheet(graph, list(cuts), batch_size, root=root).figure("part" if cuts else "kind", None, None)
    unit = 72 / _POINT  # one dot for a pixel
    height = figure.get_figheight() * unit
    dense = min(1.5, max(1.0, 2400 / height))
    for finer in (1.0, 0.75, 0.5, 0.35, 0.25, 0.15):
        figure.set_dpi(unit * dense * finer)
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        buffer = io.BytesIO()
        _few_colours(np.asarray(canvas.buffer_rgba())[..., :3]).save(buffer, "png", optimize=True)
        if buffer.tell() <= max_bytes:
            return buffer.getvalue()
    raise SplitError(f"The picture of {graph.name!r} takes more than {bytes_text(max_bytes)}: allow more bytes for it.")


def _few_colours(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    """Make an image of 256 colours, a third of the bytes: a notebook may hold many.

    Those that mean something stay as they are, as do the commonest of the others; the rest, at the edges of letters and
    lines, become the nearest of these. A palette that is made of averages turns orange into brown.
    """
    high, wide, _ = pixels.shape
    found, place, count = np.unique(
        pixels.reshape(-1, 3).astype(np.int32) @ (65536, 256, 1), return_inverse=True, return_counts=True
    )
    meant = [int(colour[1:], 16) for colour in (*palette.FAMILIES.values(), *palette.PARTS)]
    count[np.isin(found, meant)] = high * wide
    kept = np.argsort(-count, kind="stable")[:256]
    colours = (found[:, None] >> (16, 8, 0) & 255).astype(np.int16)
    nearest = np.abs(colours[:, None] - colours[kept]).sum(axis=2).argmin(axis=1).astype(np.uint8)
    image = Image.fromarray(nearest[place].reshape(high, wide))
    image.putpalette(colours[kept].astype(np.uint8).tobytes())
    return image


def _ends(only: Any, named: Callable[[Any], str]) -> tuple[str | None, str | None]:
    if not (isinstance(only, tuple | list) and len(only) == 2):
        raise SplitError(
            f"only= is a pair of points, such as ('conv1', 'conv5') or (None, 'conv5'); found {only!r:.80}."
        )
    first, last = (None if point is None else named(point) for point in only)
    return first, last


@dataclass
class _Sheet:
    """What is drawn, before it has colours and a size."""

    graph: LayerGraph
    cuts: list[Cut]
    batch_size: int = 1
    ghosts: frozenset[str] = frozenset()
    direction: Direction = "down"
    depth: Depth | None = None
    root: Fold | None = None

    def __post_init__(self) -> None:
        self.heads = [self._drawn(cut.head, cut) for cut in self.cuts]
        through = [head for head in self.heads if 0 < len(head) < len(self.graph)]
        depth = self.depth or ("all" if len(self.graph) <= _WHOLE else "blocks")
        root = fold(self.graph) if self.root is None else self.root
        self.viewer = Viewer(self.graph, root=root)
        self.viewer.turn(self.direction)
        self.viewer.show(depth)
        self.viewer.follow(through)

    def _drawn(self, numbers: frozenset[int], cut: Cut) -> frozenset[int]:
        names = cut.graph.names
        if cut.graph is self.graph:
            return numbers
        return frozenset(self.graph.number[names[n]] for n in numbers if names[n] in self.graph)

    def figure(self, colour: Colour, table: CostTable | None, width: float | None) -> Page:
        scene = self.viewer.scene
        inks, legend = self._inks(scene, colour, table)
        frames = [
            Frame(
                f"{frame['title']} ×{frame['count']}" if frame["count"] > 1 else frame["title"],
                tuple(frame["rect"]),
                frame["id"] if frame["id"] in self.graph.groups else "",
            )
            for frame in wire.view(self.graph, scene)["frames"]
        ]
        rects = [scene.layout.bounds, *(frame.rect for frame in frames)]
        left, top = (min(rect[i] for rect in rects) for i in (0, 1))
        right, bottom = (max(rect[i] for rect in rects) for i in (2, 3))
        # papers behind repeats look out
        bounds = (left - 4, top - 10, right + 10, bottom + 4)
        marks, bounds = mark_cuts(self.graph, scene, self._lines(), bounds, NAME)
        left, top, right, bottom = bounds
        wide = max(right - left, 72 * width / _LARGEST - 2 * _MARGIN if width else 0.0, 260.0)
        below = 0.0
        if legend is not None:
            wide, below = legend_size(legend, wide)
            below += 10
        spare = (wide - (right - left)) / 2
        outer = (
            left - spare - _MARGIN,
            top - _MARGIN,
            right + spare + _MARGIN,
            bottom + below + _MARGIN,
        )
        figure, axes, point = page(outer, width, _POINT, _LARGEST)
        draw(axes, point, self.graph, scene, inks, frames, marks, self.ghosts)
        if legend is not None:
            draw_legend(axes, point, legend, left - spare, bottom + 10, wide)
        return figure

    def _inks(self, scene: Scene, colour: Colour, table: CostTable | None) -> tuple[list[Ink], Legend | None]:
        seen = scene.view
        part_of = None
        if self.heads:
            part_of = _part_of(self.graph, self.heads)
        if colour == "part":
            whole = [
                part_sizes(cut.graph, _part_of(cut.graph, [each.head for each in self.cuts])) for cut in self.cuts[:1]
            ]
            return by_part(self.graph, seen, part_of, *whole, ghosts=self.ghosts)
        if colour == "kind":
            return by_kind(self.graph, seen, part_of)
        if colour == "params":
            return by_amount(seen, "parameters", seen.params, count_text)
        assert table is not None  # with these colours
        title, write = ("multiply-adds", count_text) if colour == "macs" else ("bytes of outputs", bytes_text)
        amounts = [self._amount(box.calls, colour, table) for box in seen.boxes]
        return by_amount(seen, title, amounts, write)

    def _amount(self, numbers: Sequence[int], colour: Colour, table: CostTable) -> int | None:
        """Add up what the calls of a box have; None if that of one is unknown."""
        names = [name for n in numbers if (name := self.graph.names[n]) not in self.ghosts]
        values = [table[name].macs if colour == "macs" else table[name].output_bytes for name in names]
        known = [value for value in values if value is not None]
        return sum(known) if len(known) == len(values) else None

    def _lines(self) -> list[CutLine]:
        """Tell the cuts that go through what is drawn, in its calls."""
        lines = []
        for cut, head in zip(self.cuts, self.heads, strict=True):
            drawn = tuple(self.graph.number[name] for name in cut.points if name in self.graph)
            real = [n for n, call in enumerate(self.graph) if call.name not in self.ghosts]
            if not drawn or all(n in head for n in real) or not any(n in head for n in real):
                continue
            lines.append(CutLine(_label(cut, self.batch_size), drawn, head, frozenset(cut.tensors)))
        return lines


def _part_of(graph: LayerGraph, heads: Sequence[frozenset[int]]) -> list[int]:
    """Tell for each call the number of its part, from 0."""
    return [sum(n not in head for head in heads) for n in range(len(graph))]


def _label(cut: Cut, batch_size: int) -> str:
    """Say where a cut is and what crosses, in two lines if one is too long."""
    amount = f"{plural(len(cut.tensors), 'tensor')}, {bytes_text(cut.nbytes(batch_size))}"
    place = on_one_line(f"cut after {listed(cut.points)}")
    if text_width(f"{place}: {amount}", NAME) <= 0.8 * _LABEL:
        return f"{place}: {amount}"
    return f"{shortened(place, NAME, _LABEL)}:\n{amount}"
