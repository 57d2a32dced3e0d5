"""Measuring how long the segments of a model take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerassplit_widget.errors import CutError, ModelError, PointError, SplitError, closest, first_line
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.counting import count_reading
from kerassplit_widget.models.counting.costs import counted_batch
from kerassplit_widget.models.inputs import Shapes
from kerassplit_widget.models.keras_internals import counting as details
from kerassplit_widget.models.reading import Expand, read_steps
from kerassplit_widget.models.splitting import Split, split
from kerassplit_widget.models.twins import Twins
from kerassplit_widget.models.verifying import Apart, Progress, length_of, random_inputs
from kerassplit_widget.structure.arguments import whole_number
from kerassplit_widget.structure.cuts import Cut, cut_at, cut_candidates
from kerassplit_widget.structure.tables import html_table, text_table
from kerassplit_widget.structure.text import listed

__all__ = ["Measurement", "Segment", "measure"]

SEGMENTS = 12
"""How many segments are measured at most when no cuts are given. Very short ones would measure the overhead."""

FUSED = frozenset(("Activation", "BatchNormalization", "LeakyReLU", "PReLU", "ReLU", "Softmax"))


@dataclass(frozen=True, slots=True)
class Segment:
    """The measured time of a segment: the calls between two consecutive cuts.

    Attributes
    ----------
    name : str
        Its first and its last call.
    calls : tuple of str
        Names of the calls that are computed in it: the model's inputs are not.
    ms, ms_low, ms_high : float
        Median and quartiles of the repetitions, in milliseconds.
    """

    name: str
    calls: tuple[str, ...]
    ms: float
    ms_low: float
    ms_high: float


@dataclass(frozen=True)
class Measurement:
    """Measured times of the segments of a model, and of the whole in the same run.

    Attributes
    ----------
    model : str
        The model's name.
    rows : tuple of Segment
        In the order of computation.
    whole : Segment
        The model as one.
    batch_size, repeats : int
        Examples at a time; repetitions that were counted.
    cuts : tuple of tuple of str
        The points of the cuts between the segments.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2, name="b")])
    >>> measured = ks.measure(model, cuts=["a"], repeats=2, warmup=1)
    >>> len(measured), measured["a"].ms_low <= measured["a"].ms, measured.cuts
    (2, True, (('a',),))
    """

    model: str
    rows: tuple[Segment, ...]
    whole: Segment
    batch_size: int
    repeats: int
    cuts: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> Segment:
        for row in self.rows:
            if row.name == name:
                return row
        raise PointError(f"No segment is named {name!r}. {closest(name, (row.name for row in self.rows))}")

    @property
    def whole_ms(self) -> float:
        """Median time of the whole model, in milliseconds."""
        return self.whole.ms

    @property
    def sum_ms(self) -> float:
        """Sum of the medians of the segments, in milliseconds. Read it together with `ratio`."""
        return sum(row.ms for row in self.rows)

    @property
    def ratio(self) -> float:
        """The sum of the segments, as a multiple of the whole: how far they can be added up."""
        return self.sum_ms / self.whole.ms

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns, for ``pandas.DataFrame(measurement.to_dict())``; the last row is the whole."""
        rows = [*self.rows, self.whole]
        return {
            column: [getattr(row, column) for row in rows] for column in ("name", "calls", "ms", "ms_low", "ms_high")
        }

    def sentence(self) -> str:
        """Say in one sentence what was measured, and how far the segments add up to the whole."""
        batch = "" if self.batch_size == 1 else f", batch of {self.batch_size}"
        spread = f"quartiles of the whole: {self.whole.ms_low:.3g} and {self.whole.ms_high:.3g} ms"
        return (
            f"{self.model}: {self.whole.ms:.3g} ms{batch}; its {len(self)} segments add up to {self.sum_ms:.3g} ms, "
            f"{self.ratio:.2f} of the whole (medians of {self.repeats}; {spread})"
        )

    def _table(self) -> dict[str, Any]:
        *rows, whole = [
            (row.name, str(len(row.calls)), f"{row.ms:.3f}", f"{row.ms_low:.3f} to {row.ms_high:.3f}")
            for row in (*self.rows, self.whole)
        ]
        return {"headers": HEADERS, "rows": rows, "total": whole, "sentence": self.sentence()}

    def __repr__(self) -> str:
        return text_table(**self._table())

    def _repr_html_(self) -> str:
        return html_table(**self._table())


HEADERS = ("segment", "computed calls", "ms", "quartiles")


def measure(
    model: Any,
    x: Any = None,
    cuts: Any = None,
    *,
    repeats: int = 15,
    warmup: int = 3,
    batch_size: int = 1,
    expand: Expand | None = None,
    input_shapes: Shapes | None = None,
    progress: Progress | None = None,
) -> Measurement:
    """Measure the segments of a model, and the whole beside them.

    Parameters
    ----------
    model : keras.Model or Split
        A split is measured part by part.
    x : tensor or structure of tensors, optional
        Inputs, as the model takes them. By default random ones.
    cuts : list or Plan, optional
        As for `split`. By default single-tensor cuts, for at most 12 segments of about equal work.
    repeats : int
        Repetitions that count.
    warmup : int
        Repetitions before these, which compile and fill caches.
    batch_size : int
        Examples at a time, of random inputs; where the model takes one batch size only, that is kept.
    expand, input_shapes
        How to read the model, as for `split`.
    progress : callable, optional
        Called as ``progress(done, total, what)`` after each round.

    Returns
    -------
    Measurement
        Rows with ``.name``, ``.calls``, ``.ms``, ``.ms_low``, ``.ms_high``; ``.whole_ms`` and ``.ratio``.

    Raises
    ------
    ModelError
        If the model cannot be read, or does not run on the inputs.
    PointError, CutError
        If a cut is not possible, or none is given and the model has no place for one.
    SplitError
        If a number makes no sense, or a split is given with what it has already.

    Notes
    -----
    Every segment is run in graph mode, on what the segment before it makes. In each round all segments and the whole
    run once, in random order, so that a slow moment of the machine hits none of them alone. What a compiler fuses
    across a cut is not fused here, and each segment pays for being called: the sum of the segments is not the time of
    the model. `Measurement.ratio` says how far off it is. States and seeds are afterwards what they were before.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2, name="b")])
    >>> measured = ks.measure(model, cuts=["a"], repeats=2, warmup=1)
    >>> [row.name for row in measured], measured.whole_ms > 0
    (['a', 'b'], True)
    """
    repeats, warmup = whole_number("repeats", repeats), whole_number("warmup", warmup, 0)
    batch_size = whole_number("batch_size", batch_size)
    given = {"cuts": cuts, "expand": expand, "input_shapes": input_shapes}
    if isinstance(model, Split):
        if other := [f"{name}=" for name, value in given.items() if value is not None]:
            raise SplitError(
                f"A split has its cuts already: give the model itself to measure it at other {listed(other)}."
            )
        parts = model
    else:
        if cuts is None:
            given["cuts"] = _default_cuts(model, "nested" if expand is None else expand, input_shapes)
        parts = split(model, **given)
    if x is None:
        x = _batch(parts, batch_size)
        assert parts.reading is not None  # or there were no random inputs
        batch_size = counted_batch(parts.reading, batch_size)
    else:
        batch_size = length_of(list(parts.manifest.match_inputs(x).values()))
    states: dict[int, keras.Variable] = {}
    runs = _runs(parts, x, states)
    kept = [(variable, keras.ops.copy(variable.value)) for variable in states.values()]
    try:
        times = _times(runs, repeats, warmup, progress)
    finally:
        for variable, value in kept:
            variable.assign(value)
    segments = [_segment(calls, times[i][warmup:]) for i, (calls, _, _) in enumerate(runs)]
    *rows, whole = segments
    whole = Segment("whole", whole.calls, whole.ms, whole.ms_low, whole.ms_high)
    return Measurement(parts.manifest.model, tuple(rows), whole, batch_size, repeats, parts.cuts)


Run = tuple[tuple[str, ...], Callable[[Any], Any], Any]


def _times(runs: Sequence[Run], repeats: int, warmup: int, progress: Progress | None) -> Mapping[int, list[float]]:
    """Measure, in milliseconds, how long each takes in each round."""
    times: dict[int, list[float]] = {i: [] for i in range(len(runs))}
    order, generator = list(runs), np.random.default_rng(0)
    for done in range(warmup + repeats):
        for i in generator.permutation(len(order)):
            _, function, given = order[i]
            start = time.perf_counter()
            function(given)
            times[int(i)].append((time.perf_counter() - start) * 1e3)
        if progress is not None:
            what = "warming up" if done < warmup else "measuring"
            progress(done + 1, warmup + repeats, what)
    return times


def _runs(parts: Split, x: Any, states: dict[int, keras.Variable]) -> list[Run]:
    """List what is run: of every segment and of the whole, the calls in it, a compiled function, and its inputs.

    Puts in `states` the variables that running assigns to, such as the states of recurrent layers.
    """
    manifest = parts.manifest
    matched = manifest.match_inputs(x)
    try:
        known = {name: internals.as_tensor(value) for name, value in matched.items()}
    except (TypeError, ValueError) as error:
        why = first_line(error, 240)
        raise ModelError(f"The model {manifest.model!r} does not run on these inputs: {why}.") from error
    whole = parts.join() if parts.reading is None else Twins().rebuild(parts.reading.function)
    runs: list[Run] = []
    for i, (part, wire) in enumerate(zip(parts.parts, manifest.wires, strict=True)):
        given = manifest.pack_inputs(i, known)
        try:
            with Apart(part) as scope:
                results = keras.tree.flatten(part(given, training=False))
        except Exception as error:
            why = first_line(error, 240)
            raise ModelError(f"The model {manifest.model!r} does not run on these inputs: {why}.") from error
        states.update(scope.changed)
        known.update(zip(wire.returns, map(internals.as_tensor, results), strict=True))
        runs.append((_calls(parts, i, part), details.compiled(_own(part)), given))
    every = tuple(name for calls, _, _ in runs for name in calls)
    inputs = keras.tree.map_structure(known.__getitem__, manifest.inputs)
    return [*runs, (every, details.compiled(whole), inputs)]


def _own(part: keras.Model) -> keras.Model:
    """Return a twin of a part, lest what is compiled stays on the user's."""
    function = internals.function_of(part)
    return part if function is None else Twins().rebuild(function)


def _calls(parts: Split, i: int, part: keras.Model) -> tuple[str, ...]:
    if parts.reading is None:
        return tuple(layer.name for layer in part.layers if not isinstance(layer, keras.layers.InputLayer))
    names = parts.reading.graph.names
    return tuple(names[n] for n in parts.manifest.wires[i].calls)


def _segment(calls: tuple[str, ...], times: Sequence[float]) -> Segment:
    low, middle, high = (float(value) for value in np.percentile(times, (25, 50, 75)))
    name = "" if not calls else calls[0] if len(calls) == 1 else f"{calls[0]} … {calls[-1]}"
    return Segment(name, calls, middle, low, high)


def _batch(parts: Split, batch_size: int) -> Any:
    """Make random inputs, repeated to a batch where the batch is not fixed."""
    if parts.reading is None:
        raise ModelError("This split was loaded or copied and has no model beside its parts: give inputs, x=.")
    one = random_inputs(parts)
    tensors = parts.reading.function.inputs

    def repeated(value: Any, tensor: keras.KerasTensor) -> Any:
        if not len(tensor.shape) or tensor.shape[0] is not None:
            return value
        repeat = np.repeat if isinstance(value, np.ndarray) else keras.ops.repeat  # only NumPy's takes words
        return repeat(value, batch_size, axis=0)

    flat = [repeated(value, tensor) for value, tensor in zip(keras.tree.flatten(one), tensors, strict=True)]
    return keras.tree.pack_sequence_as(one, flat)


def _default_cuts(model: Any, expand: Expand, input_shapes: Shapes | None) -> list[Cut]:
    """Choose single-tensor cuts so that segments have about equal work; where there is none, one in the middle."""
    reading = read_steps(model, expand=expand, input_shapes=input_shapes)
    graph = reading.graph
    found = cut_candidates(graph)
    if not found:
        inner = [call.name for call in graph if not call.is_input and graph.consumers[call.outputs[0].name]]
        if not inner:
            raise CutError(f"No cut leaves two parts of {graph.name!r}, so that there are no segments to compare.")
        return [cut_at(graph, inner[len(inner) // 2])]
    # Compilers fuse these with what comes before, so that a cut there would cost time.
    calls, successors = graph.calls, graph.successors
    whole = [cut for cut in found if any(calls[n].kind not in FUSED for n in successors[graph.number[cut.points[0]]])]
    found = whole or found
    work = np.array([row.flops or 0 for row in count_reading(reading)], dtype=float) + 1.0
    heads = np.array([work[list(cut.head)].sum() for cut in found])
    wanted = work.sum() * np.arange(1, SEGMENTS) / SEGMENTS
    return [found[i] for i in sorted({int(np.abs(heads - each).argmin()) for each in wanted})]
