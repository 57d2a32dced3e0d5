"""The questions of `structure.cuts`, asked of a Keras model, with layers and tensors as points too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras

from kerassplit_widget.errors import CutError
from kerassplit_widget.models.reading import Reading, read_steps
from kerassplit_widget.structure import cuts as structure
from kerassplit_widget.structure import ranking
from kerassplit_widget.structure.arguments import whole_number
from kerassplit_widget.structure.cuts import Cut
from kerassplit_widget.structure.nesting import nest

__all__ = ["cheapest_cuts", "cut_at", "cut_candidates", "place_cuts", "why_not"]


def cut_candidates(model: Any) -> list[Cut]:
    """List the cuts that exactly one computed tensor crosses and through which everything comes that is computed later.

    Parameters
    ----------
    model : keras.Model

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

    Examples
    --------
    >>> import keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2, name="b")])
    >>> [cut.points[0] for cut in cut_candidates(model)]
    ['a']
    """
    return structure.cut_candidates(read_steps(model).graph)


def cheapest_cuts(model: Any, tensors: int = 2, limit: int | None = 20) -> list[Cut]:
    """Rank the cuts that at most so many tensors cross, candidates or not.

    Of places that differ only by how far down a chain of calls they lie, the cheapest is listed.

    Parameters
    ----------
    model : keras.Model
    tensors : int
        The largest number of crossing tensors: 1, 2 or 3. Three may take a minute on a thousand calls.
    limit : int, optional
        How many to list; None for all.

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

    Examples
    --------
    >>> import keras
    >>> x = keras.Input((8,))
    >>> a = keras.layers.Dense(4, name="a")(x)
    >>> b = keras.layers.Dense(2, name="b")(a)
    >>> model = keras.Model(x, keras.layers.Concatenate(name="both")([a, b]))
    >>> [(cut.tensors, cut.nbytes()) for cut in cheapest_cuts(model)]
    [(('a',), 16), (('a', 'b'), 24)]
    """
    tensors = whole_number("tensors", tensors, error=CutError)
    limit = None if limit is None else whole_number("limit", limit, error=CutError)
    return ranking.cheapest_cuts(read_steps(model).graph, tensors, limit)


def cut_at(model: Any, *points: Any) -> Cut:
    """Make the cut after one or more calls.

    Parameters
    ----------
    model : keras.Model
    *points : str, keras.Operation or keras.KerasTensor
        Calls to cut after: their names, the layers, or tensors they make. All of them and their ancestors go to the
        head, their other descendants to the tail, and the rest where the fewest bytes cross.

    Returns
    -------
    Cut
        ``.points``, ``.tensors``, ``.inputs_also_needed``, ``.is_candidate``, ``.nbytes(batch_size)``.

    Raises
    ------
    PointError
        If a point is not in the model; the message lists the closest names.
    CutError
        At an input or an output, where one part would be empty.

    Examples
    --------
    >>> import keras
    >>> x = keras.Input((4,))
    >>> a = keras.layers.Dense(4, name="a")(x)
    >>> model = keras.Model(x, keras.layers.Add(name="sum")([a, keras.layers.Dense(4, name="b")(a)]))
    >>> cut = cut_at(model, "b")
    >>> cut.tensors, cut.nbytes(batch_size=2), cut.is_candidate
    (('a', 'b'), 64, False)
    """
    reading = read_steps(model)
    return structure.cut_at(reading.graph, *map(reading.point_name, points))


def why_not(model: Any, point: Any, batch_size: int = 1) -> str:
    """Say what a cut after a call costs, and where the nearest candidates are.

    Parameters
    ----------
    model : keras.Model
    point : str, keras.Operation or keras.KerasTensor
    batch_size : int
        For the bytes.

    Returns
    -------
    str
        One or two sentences.

    Raises
    ------
    PointError
        If the point is not in the model.
    SplitError
        If `batch_size` is no whole number above 0.
    """
    reading = read_steps(model)
    return structure.why_not(reading.graph, reading.point_name(point), batch_size)


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
                raise CutError(
                    f"The cut after {', '.join(entry.points)} was made from the model {entry.graph.name!r}, which has "
                    f"other calls than {reading.graph.name!r}. Make it again: ks.cut_at(model, ...)."
                )
            placed.append(structure.cut_at(reading.graph, *entry.points))
        else:
            points = entry if isinstance(entry, tuple | list) else (entry,)
            placed.append(structure.cut_at(reading.graph, *map(reading.point_name, points)))
    if not placed:
        raise CutError(
            "No cut is given. Name at least one call to cut after; ks.cut_candidates(model) lists good ones."
        )
    return nest(placed)
