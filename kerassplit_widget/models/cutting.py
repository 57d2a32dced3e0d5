"""The questions of `structure.cuts`, asked of a Keras model, with layers and tensors as points too.

What was read with `read` may be asked in place of the model; it knows points by their names only.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import keras

from kerassplit_widget.errors import CutError, PointError, SplitError
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.inputs import Shapes
from kerassplit_widget.models.reading import Expand, Reading, read_steps
from kerassplit_widget.structure import cuts as structure
from kerassplit_widget.structure import ranking
from kerassplit_widget.structure.arguments import whole_number
from kerassplit_widget.structure.cuts import Cut
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.nesting import nest

__all__ = ["cheapest_cuts", "cut_at", "cut_candidates", "place_cuts", "why_not"]


def cut_candidates(
    model: keras.Model | LayerGraph, *, expand: Expand = "nested", input_shapes: Shapes | None = None
) -> list[Cut]:
    """List the cuts that exactly one computed tensor crosses and through which everything comes that is computed later.

    Parameters
    ----------
    model : keras.Model or LayerGraph
    expand, input_shapes
        How to read the model, as for `read`: with ``expand="all"`` also inside composite layers. Give `split` the same.

    Returns
    -------
    list of Cut
        In topological order. The model's input and output are left out: a cut there leaves an empty part. So are the
        cuts inside one of several towers, which one tensor may cross too: what joins the towers is computed from the
        others as well. `cheapest_cuts` lists them, with ``tensors=1``.

    Raises
    ------
    ModelError
        If it is not a Keras model, or its graph is not known.
    SplitError
        If another argument makes no sense.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2, name="b")])
    >>> [cut.points[0] for cut in ks.cut_candidates(model)]
    ['a']
    """
    graph, _ = _asked(model, expand, input_shapes)
    return structure.cut_candidates(graph)


def cheapest_cuts(
    model: keras.Model | LayerGraph,
    tensors: int = 2,
    limit: int | None = 20,
    *,
    expand: Expand = "nested",
    input_shapes: Shapes | None = None,
) -> list[Cut]:
    """Rank the cuts that at most so many tensors cross, candidates or not.

    Of places that differ only by how far down a chain of calls they lie, the cheapest is listed.

    Parameters
    ----------
    model : keras.Model or LayerGraph
    tensors : int
        The largest number of crossing tensors: 1, 2 or 3. Three may take a minute on a thousand calls.
    limit : int, optional
        How many to list; None for all.
    expand, input_shapes
        How to read the model, as for `read`: with ``expand="all"`` also inside composite layers. Give `split` the same.

    Returns
    -------
    list of Cut
        Those that the fewest bytes cross come first.

    Raises
    ------
    ModelError
        If it is not a Keras model, or its graph is not known.
    CutError
        If `tensors` or `limit` is out of range.
    SplitError
        If another argument makes no sense.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> x = keras.Input((8,))
    >>> a = keras.layers.Dense(4, name="a")(x)
    >>> b = keras.layers.Dense(2, name="b")(a)
    >>> model = keras.Model(x, keras.layers.Concatenate(name="both")([a, b]))
    >>> [(cut.tensors, cut.nbytes()) for cut in ks.cheapest_cuts(model)]
    [(('a',), 16), (('a', 'b'), 24)]
    """
    tensors = whole_number("tensors", tensors, error=CutError)
    graph, _ = _asked(model, expand, input_shapes)
    return ranking.cheapest_cuts(graph, tensors, limit)


def cut_at(
    model: keras.Model | LayerGraph, *points: Any, expand: Expand = "nested", input_shapes: Shapes | None = None
) -> Cut:
    """Make the cut after one or more calls.

    Parameters
    ----------
    model : keras.Model or LayerGraph
    *points : str, keras.Operation or keras.KerasTensor
        Calls to cut after: their names, the layers, or tensors they make. All of them and their ancestors go to the
        head, their other descendants to the tail, and the rest where the fewest bytes cross.
    expand, input_shapes
        How to read the model, as for `read`: with ``expand="all"`` also inside composite layers. Give `split` the same.

    Returns
    -------
    Cut
        ``.points``, ``.tensors``, ``.inputs_also_needed``, ``.is_candidate``, ``.nbytes(batch_size)``.

    Raises
    ------
    ModelError
        If it is not a Keras model, or its graph is not known.
    PointError
        If a point is not in the model; the message lists the closest names, or says which group to open.
    CutError
        At an input or an output, where one part would be empty.
    SplitError
        If another argument makes no sense.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> x = keras.Input((4,))
    >>> a = keras.layers.Dense(4, name="a")(x)
    >>> model = keras.Model(x, keras.layers.Add(name="sum")([a, keras.layers.Dense(4, name="b")(a)]))
    >>> cut = ks.cut_at(model, "b")
    >>> cut.tensors, cut.nbytes(batch_size=2), cut.is_candidate
    (('a', 'b'), 64, False)
    """
    graph, name_of = _asked(model, expand, input_shapes)
    return structure.cut_at(graph, *map(name_of, points))


def why_not(
    model: keras.Model | LayerGraph,
    point: Any,
    batch_size: int = 1,
    *,
    expand: Expand = "nested",
    input_shapes: Shapes | None = None,
) -> str:
    """Say what a cut after a call costs, and where the nearest candidates are.

    Parameters
    ----------
    model : keras.Model or LayerGraph
    point : str, keras.Operation or keras.KerasTensor
    batch_size : int
        For the bytes.
    expand, input_shapes
        How to read the model, as for `read`: with ``expand="all"`` also inside composite layers. Give `split` the same.

    Returns
    -------
    str
        One or two sentences.

    Raises
    ------
    ModelError
        If it is not a Keras model, or its graph is not known.
    PointError
        If the point is not in the model.
    SplitError
        If another argument makes no sense.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> x = keras.Input((4,))
    >>> a = keras.layers.Dense(4, name="a")(x)
    >>> model = keras.Model(x, keras.layers.Add(name="sum")([a, keras.layers.Dense(4, name="b")(a)]))
    >>> print(ks.why_not(model, "b"))
    2 tensors cross after b, 32 B: a (4 float32) and b (4 float32). Nearest candidates: a before.
    """
    graph, name_of = _asked(model, expand, input_shapes)
    return structure.why_not(graph, name_of(point), batch_size)


def place_cuts(reading: Reading, cuts: Iterable[Any]) -> list[Cut]:
    """Make cuts of what the user named, nested and each once.

    Parameters
    ----------
    reading : Reading
    cuts : iterable
        Each entry is a point, a tuple or list of points, or a `Cut`.

    Returns
    -------
    list of Cut

    Raises
    ------
    PointError, CutError
        As `cut_at`; also when it is no list, nothing is given, or a `Cut` was made from another model.
    """
    if isinstance(cuts, str | Cut):
        cuts = [cuts]
    if not isinstance(cuts, Iterable) or isinstance(cuts, keras.KerasTensor | bytes):
        raise CutError(
            "Cuts are given in a list, each as a point, a tuple of points or a Cut; found "
            f"{type(cuts).__name__}: {cuts!r:.80}."
        )
    placed = []
    for entry in cuts:
        if isinstance(entry, Cut):
            if entry.graph.names != reading.graph.names:
                other = f"other calls than {reading.graph.name!r}. Make it again: ks.cut_at(model, ...)."
                if entry.graph.name == reading.graph.name:
                    other = "other calls as it is read here. Give the same expand= and input_shapes= as for the cut."
                raise CutError(
                    f"The cut after {', '.join(entry.points)} was made from the model {entry.graph.name!r}, which has "
                    f"{other}"
                )
            same = entry.graph == reading.graph  # then what the cut knows holds here too
            placed.append(entry if same else structure.cut_at(reading.graph, *entry.points))
        else:
            points = entry if isinstance(entry, tuple | list) else (entry,)
            placed.append(structure.cut_at(reading.graph, *(_name_of(reading, point) for point in points)))
    if not placed:
        raise CutError(
            "No cut is given. Name at least one call to cut after; ks.cut_candidates(model) lists good ones."
        )
    return nest(placed)


def _asked(
    model: keras.Model | LayerGraph, expand: Expand, input_shapes: Shapes | None
) -> tuple[LayerGraph, Callable[[Any], str]]:
    """Return the graph that is asked about, and what tells the name of the call that a point means."""
    if not isinstance(model, LayerGraph):
        reading = read_steps(model, expand=expand, input_shapes=input_shapes)
        return reading.graph, functools.partial(_name_of, reading)
    if expand != "nested" or input_shapes is not None:
        raise SplitError(
            "A LayerGraph is read already, so that expand= and input_shapes= come too late: give them to ks.read."
        )
    return model, _only_a_name


def _only_a_name(point: Any) -> str:
    if not isinstance(point, str):
        raise PointError(
            f"A LayerGraph knows calls by their names; found {type(point).__name__}: {point!r:.80}. Give a name, or "
            "ask the model."
        )
    return point


def _name_of(reading: Reading, point: Any) -> str:
    """Name the call that a point means. Of one inside a group that is closed, say how that is opened.

    Raises
    ------
    PointError
        If the point is not in the model, or inside such a group.
    """
    graph = reading.graph
    try:
        name = reading.point_name(point)
    except PointError:
        if isinstance(point, keras.layers.Layer):
            for step in reading.steps:
                inside = isinstance(step.node.operation, keras.layers.Layer) and any(
                    each is point for each in internals.layers_within(step.node.operation)
                )
                if inside:
                    _refuse_what_is_inside(reading, step.call.name, f"The layer {point.name!r} is no call of")
        raise
    if "/" in name and name not in graph.groups and name.removesuffix(":0") not in graph.tensors:
        steps = name.split("/")
        for i in range(1, len(steps)):
            _refuse_what_is_inside(reading, "/".join(steps[:i]), f"There is no call {name!r} in")
    return name


def _refuse_what_is_inside(reading: Reading, group: str, what: str) -> None:
    """Say why a group is closed, and how it is opened, if it is one."""
    graph = reading.graph
    if group in graph.collapsed:
        raise PointError(f"{what} the model {graph.name!r}: {group!r} stays one call, as {graph.collapsed[group]}.")
    if group in reading.closed:
        raise PointError(f'{what} the model {graph.name!r}: {group!r} is closed here. expand="all" opens such groups.')
