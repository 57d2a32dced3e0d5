"""Proof: run the model and its parts on the same inputs and compare."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from kerassplit_widget.errors import ModelError, SplitError
from kerassplit_widget.models import keras_internals as internals

if TYPE_CHECKING:
    from kerassplit_widget.models.reading import Reading
    from kerassplit_widget.models.splitting import Split

__all__ = ["Check", "Progress", "Verification", "random_inputs", "verify"]

Progress = Callable[[int, int, str], None]

TOLERANCE = 1e-5
"""Relative to the largest output: what NumPy hand-off may differ by where Keras fuses differently."""

UNKNOWN_IMAGE_SIDE, UNKNOWN_LENGTH = 96, 8
"""Sizes that stand in for unknown dimensions of random inputs: of images and volumes, and of everything else."""

IN_MEMORY, BY_ARRAYS, SAVED = "chained in memory", "handed on as NumPy arrays", "saved and loaded"
"""The ways of running the parts. The first must give the very numbers of the model."""

TOKEN_LIMIT = 100
"""Random integers stay below this, or below the smallest vocabulary that reads them."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a proof: what was checked, whether it holds, and the figures."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The proof that parts and model are the same.

    Attributes
    ----------
    checks : tuple of Check
    max_abs_diff : float
        Largest absolute difference between the outputs of the model and of the chained parts, eager.
    inputs : int
        On how many inputs they were compared.
    """

    checks: tuple[Check, ...]
    max_abs_diff: float
    inputs: int

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return all(check.ok for check in self.checks)

    @property
    def exact(self) -> bool:
        """Whether the chained parts gave the very same numbers."""
        return self.max_abs_diff == 0.0

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if not self.ok:
            failed = "; ".join(f"{c.name}: {c.detail}" for c in self.checks if not c.ok)
            return f"Not proved: {failed}."
        equal = "exact" if self.exact else f"within {self.max_abs_diff:.1e}"
        many = f"{self.inputs} inputs" if self.inputs != 1 else "1 input"
        weights = next(c.name for c in self.checks if c.name.startswith("weights"))
        return f"parts = model, {equal} on {many}; {weights}; model untouched"

    def __repr__(self) -> str:
        width = max(len(check.name) for check in self.checks)
        lines = [f"{'ok ' if c.ok else 'NOT'} {c.name:<{width}}  {c.detail}" for c in self.checks]
        return "\n".join([self.sentence(), *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{'✓' if c.ok else '✗'}</td><td style='text-align:left'>{html.escape(c.name)}</td>"
            f"<td style='text-align:left'>{html.escape(c.detail)}</td></tr>"
            for c in self.checks
        )
        return f"<p>{html.escape(self.sentence())}</p><table>{rows}</table>"


def verify(
    split: Split,
    data: Any = None,
    *,
    rounds: int = 3,
    seed: int = 0,
    save: bool = False,
    progress: Progress | None = None,
) -> Verification:
    """Compare a model with its parts. See `Split.verify`."""
    model = split.model
    batches = [data] if data is not None else [random_inputs(split, seed + i) for i in range(rounds)]
    ways = {IN_MEMORY: internals.as_tensor, BY_ARRAYS: _array}
    steps = _Steps(progress, len(batches) * (1 + (len(ways) + save) * len(split)) + save + 1)
    loaded, failed = None, list[Check]()
    if save:
        steps.begin("saving and loading the parts")
        loaded, failed = _save_and_load(split)
        if loaded is not None:
            ways[SAVED] = _array
    apart = dict.fromkeys(ways, 0.0)
    unlike, scale = "", 0.0
    for batch in batches:
        steps.begin("running the model")
        expected = _run(model, batch)
        scale = max(scale, _largest(expected))
        for way, hand_on in ways.items():
            runs = loaded if way == SAVED and loaded is not None else split
            found = runs.run(batch, training=False, hand_on=_watched(runs, hand_on, way, steps))
            unlike = unlike or _unlike(expected, found, split.manifest.outputs)
            apart[way] = max(apart[way], _difference(expected, found))
    steps.begin("comparing the weights")
    checks = [Check("output structure", not unlike, unlike or "as the model's")]
    for way, difference in apart.items():
        allowed = 0.0 if way == IN_MEMORY else TOLERANCE * max(1.0, scale)
        most = f"at most {allowed:.3g}" if allowed else "must be 0"
        checks.append(Check(way, difference <= allowed, f"largest difference {difference:.3g}, {most}"))
    checks += [*failed, _weights(split), _untouched(split)]
    steps.end()
    return Verification(tuple(checks), apart[IN_MEMORY], len(batches) if data is None else _length(data))


class _Steps:
    """Tells how far the proof has come, before each of its steps; what the listener raises ends the proof there."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._begun = 0

    def begin(self, what: str) -> None:
        self._tell(self._begun, what)
        self._begun += 1

    def end(self) -> None:
        self._tell(self._total, "compared")

    def _tell(self, done: int, what: str) -> None:
        if self._progress is not None:
            self._progress(done, self._total, what)


def _watched(split: Split, hand_on: Callable[[Any], Any], way: str, steps: _Steps) -> Callable[[Any], Any]:
    """Tell of each part before it runs: when the last of what comes before it, or of the inputs, is handed on."""
    wires = split.manifest.wires
    stops = list(accumulate([len(set(keras.tree.flatten(split.manifest.inputs))), *(len(w.returns) for w in wires)]))
    begins = {stop: i for i, stop in enumerate(stops[:-1], 1)}
    count = 0

    def handed(tensor: Any) -> Any:
        nonlocal count
        count += 1
        if count in begins:
            steps.begin(f"running part {begins[count]} of {len(wires)}, {way}")
        return hand_on(tensor)

    return handed


def _save_and_load(split: Split) -> tuple[Split | None, list[Check]]:
    """Save a split to a temporary folder and load it; a check that fails when that cannot be done."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            split.save(Path(folder) / "split")
            return type(split).load(Path(folder) / "split"), []
    except SplitError as error:
        return None, [Check(SAVED, False, str(error).strip().splitlines()[0])]


def random_inputs(split: Split, seed: int = 0) -> Any:
    """Make random inputs that fit a model's input specs.

    Parameters
    ----------
    split : Split
    seed : int

    Returns
    -------
    structure of numpy.ndarray
        As the model takes them, batch size 1 unless it is fixed: normal numbers for floats, whole numbers within the
        vocabulary of the embeddings that read them, true or false for booleans.
    """
    generator = np.random.default_rng(seed)
    reading = split.reading
    assert reading is not None  # `split.model` was there
    function = reading.function
    vocabulary = _vocabularies(reading)
    made = []
    for name, tensor in zip(reading.graph.inputs, function.inputs, strict=True):
        unknown = UNKNOWN_IMAGE_SIDE if len(tensor.shape) >= 4 else UNKNOWN_LENGTH
        shape = tuple((1 if axis == 0 else unknown) if dim is None else dim for axis, dim in enumerate(tensor.shape))
        if tensor.dtype == "bool":
            made.append(generator.random(shape) < 0.5)
        elif "int" in tensor.dtype:
            made.append(generator.integers(0, vocabulary.get(name, TOKEN_LIMIT), shape).astype(tensor.dtype))
        else:
            numbers = generator.standard_normal(shape).astype("float32")
            made.append(keras.ops.cast(numbers, tensor.dtype) if tensor.dtype != "float32" else numbers)
    return keras.tree.pack_sequence_as(internals.input_structure(function), made)


def _vocabularies(reading: Reading) -> dict[str, int]:
    """From a tensor that embeddings read to the smallest number of tokens that they all know."""
    limits: dict[str, int] = {}
    for step in reading.steps:
        sizes = [layer.input_dim for layer in _within(step.node.operation) if isinstance(layer, keras.layers.Embedding)]
        for name in step.call.inputs if sizes else ():
            limits[name] = min(*sizes, limits.get(name, TOKEN_LIMIT))
    return limits


def _within(operation: internals.Operation) -> list[internals.Operation]:
    """List an operation and the layers inside it."""
    inside = internals.layers_within(operation) if isinstance(operation, keras.layers.Layer) else []
    return [operation, *inside]


def _run(model: keras.Model, batch: Any) -> Any:
    try:
        return model(batch, training=False)
    except Exception as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"The model {model.name!r} itself does not run on these inputs: {first} "
            "Give inputs that fit: verify(data=...)."
        ) from error


def _array(tensor: Any) -> Any:
    return None if tensor is None else keras.ops.convert_to_numpy(tensor)


def _arrays(structure: Any) -> list[Any]:
    return [_array(tensor) for tensor in keras.tree.flatten(structure)]


def _unlike(expected: Any, found: Any, names: Any) -> str:
    """Say in what the outputs of the parts are not like those of the model; empty if in nothing but their values."""
    try:
        keras.tree.assert_same_structure(expected, found)
    except (TypeError, ValueError):
        return "differs from the model's"
    for a, b, name in zip(_arrays(expected), _arrays(found), keras.tree.flatten(names), strict=True):
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            return (
                f"{name} is {b.dtype} of shape {b.shape}, the model's {a.dtype} of shape {a.shape}; "
                "parts hand tensors on as Keras declares them, which some layers do not keep to"
            )
    return ""


def _difference(expected: Any, found: Any) -> float:
    """Largest absolute difference; not-a-number in the same places is equal, elsewhere infinitely different."""
    worst = 0.0
    for a, b in zip(_arrays(expected), _arrays(found), strict=True):
        if a.shape != b.shape:
            return float("inf")
        a, b = a.astype("float64"), b.astype("float64")
        if not np.array_equal(np.isnan(a), np.isnan(b)):
            return float("inf")
        with np.errstate(invalid="ignore"):
            apart = np.where((a == b) | np.isnan(a), 0.0, np.abs(a - b))
        worst = max(worst, float(apart.max(initial=0.0)))
    return worst


def _largest(structure: Any) -> float:
    values = [np.abs(a[np.isfinite(a)]) for a in (x.astype("float64") for x in _arrays(structure))]
    return max((float(v.max(initial=0.0)) for v in values), default=0.0)


def _length(data: Any) -> int:
    return int(keras.tree.flatten(data)[0].shape[0])


def _weights(split: Split) -> Check:
    """Shared: the weights of the parts are those of the model. Copied: they are others, one for each."""
    own = {id(internals.original_of(weight)) for weight in split.model.weights}
    parts = {id(internals.original_of(weight)) for part in split.parts for weight in part.weights}
    if split.manifest.weights == "copy":
        common, needed = len(own & parts), len(_needed_weights(split))
        ok = common == 0 and len(parts) >= needed
        return Check("weights copied", ok, f"{len(parts)} variables for {needed}, {common} of them the model's own")
    foreign, missing = len(parts - own), len(_needed_weights(split) - parts)
    if foreign or missing:
        return Check("weights shared", False, f"{foreign} weights are not the model's, {missing} are in no part")
    return Check("weights shared", True, f"{len(parts)} variables, the same objects")


def _needed_weights(split: Split) -> set[int]:
    """Collect the weights that an output of the model is computed with. A sub-model may have outputs nobody reads."""
    reading = split.reading
    assert reading is not None  # `split.model` was there
    graph = reading.graph
    ends = [graph.number[graph.tensors[name].call] for name in graph.outputs]
    live = {*ends, *graph.reachable(ends, backwards=True)}
    operations = (reading.steps[n].node.operation for n in live)
    return {id(internals.original_of(weight)) for each in operations for weight in getattr(each, "weights", ())}


def _untouched(split: Split) -> Check:
    same = internals.fingerprint(split.model) == split.before
    what = "as before" if same else "have changed since the split"
    return Check("model untouched", same, f"names, nodes and trainable flags {what}")
