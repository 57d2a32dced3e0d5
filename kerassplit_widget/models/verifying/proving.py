"""Running a model and its parts on the same inputs, and comparing what they make."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import numpy.typing as npt

from kerassplit_widget.errors import ModelError, PartError, SplitError, first_line
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.calling import call_on, takes_several
from kerassplit_widget.models.verifying.classes import own_classes
from kerassplit_widget.models.verifying.inputs import given_inputs, length_of, random_batches, smaller_batches
from kerassplit_widget.models.verifying.proofs import INPUTS, Check, Verification
from kerassplit_widget.models.verifying.states import Apart
from kerassplit_widget.structure.arguments import whole_number
from kerassplit_widget.structure.text import listed

if TYPE_CHECKING:
    from kerassplit_widget.models.splitting import Split

__all__ = ["Progress", "verify"]

Progress = Callable[[int, int, str], None]

TOLERANCE = 1e-5
"""Relative to the largest output: what NumPy hand-off may differ by where Keras fuses differently."""

IN_MEMORY, BY_ARRAYS, SAVED = "chained in memory", "handed on as NumPy arrays", "saved and loaded"
"""The ways of running the parts. The first must give the very numbers of the model."""


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
    rounds, seed = whole_number("rounds", rounds), whole_number("seed", seed, 0)
    if not isinstance(save, bool | np.bool_):
        raise SplitError(f"save= is True or False; found {save!r:.80}.")
    if progress is not None and not callable(progress):
        raise SplitError(f"progress= is called as progress(done, total, what); found {progress!r:.80}.")
    _ = split.model  # that of a loaded split says that there is none
    batches = random_batches(split, rounds, seed) if data is None else given_inputs(split, data, rounds)
    ways = {IN_MEMORY: internals.as_tensor, BY_ARRAYS: _handed_on}
    steps = _Steps(progress, len(batches) * (1 + (len(ways) + save) * len(split)) + save + 1)
    loaded, failed = None, list[Check]()
    if save:
        steps.begin("saving and loading the parts")
        loaded, failed = _save_and_load(split)
        if loaded is not None:
            ways[SAVED] = _handed_on
    apart = dict.fromkeys(ways, 0.0)
    broken: dict[str, str] = {}
    unlike, scale = "", 0.0
    told = set[str]()
    used: list[int | None] = []
    for i, batch in enumerate(batches):
        steps.begin("running the model")
        batch, expected, below = _run_any(split, batch, smaller_batches(split, rounds, seed, i) if data is None else ())
        used.append(below)
        scale = max(scale, _largest(expected))
        told |= _telling(expected, split.manifest.outputs)
        for way, hand_on in ways.items():
            if way in broken:
                continue
            runs = loaded if way == SAVED and loaded is not None else split
            try:
                found = _run_parts(runs, batch, hand_on, way, steps)
            except _BrokenError as why:
                broken[way], apart[way] = str(why), float("inf")
                continue
            unlike = unlike or _unlike(expected, found, split.manifest.outputs)
            apart[way] = max(apart[way], _difference(expected, found))
    steps.begin("comparing the weights")
    compared = len(broken) < len(ways)
    checks = [Check("output structure", not unlike, unlike or "as the model's")] if compared else []
    for way, difference in apart.items():
        allowed = 0.0 if way == IN_MEMORY else TOLERANCE * max(1.0, scale)
        most = f"at most {allowed:.3g}" if allowed else "must be 0"
        detail = broken.get(way, f"largest difference {difference:.3g}, {most}")
        checks.append(Check(way, difference <= allowed, detail))
    checks += [*_smaller(used), *failed, *_untold(split, told), _weights(split), _untouched(split)]
    steps.end()
    inputs = rounds if data is None else sum(map(length_of, batches))
    return Verification(tuple(checks), apart[IN_MEMORY], inputs)


class _Steps:
    """Tells how far the proof has come, before each of its steps; what the listener raises ends the proof there.

    Attributes
    ----------
    part : int
        The part that was begun last, counted from 1.
    raised : Exception or None
        What the listener has raised.
    """

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._begun = 0
        self.part = 1
        self.raised: Exception | None = None

    def begin(self, what: str) -> None:
        self._tell(self._begun, what)
        self._begun += 1

    def end(self) -> None:
        self._tell(self._total, "compared")

    def _tell(self, done: int, what: str) -> None:
        if self._progress is None:
            return
        try:
            self._progress(done, self._total, what)
        except Exception as error:
            self.raised = error
            raise


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
            steps.part = begins[count]
            steps.begin(f"running part {begins[count]} of {len(wires)}, {way}")
        return hand_on(tensor)

    return handed


def _save_and_load(split: Split) -> tuple[Split | None, list[Check]]:
    """Save a split to a temporary folder and load it; a check that fails when that cannot be done.

    Layers of people's own are known there, as they are where the split is loaded with ``custom_objects=``.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            split.save(Path(folder) / "split")
            return type(split).load(Path(folder) / "split", own_classes(split.parts)), []
    except SplitError as error:
        return None, [Check(SAVED, False, str(error).strip().splitlines()[0])]


def _run(split: Split, batch: Any) -> Any:
    model, reading, manifest = split.model, split.reading, split.manifest
    assert reading is not None  # `split.model` was there
    if takes_several(model, reading.input_shapes):
        known = manifest.match_inputs(batch)
        batch = keras.tree.map_structure(known.__getitem__, manifest.inputs)
    try:
        with Apart(model):
            return call_on(model, batch, reading.input_shapes, training=False)
    except Exception as error:
        raise ModelError(
            f"The model {model.name!r} itself does not run on these inputs: {first_line(error, 240)}. "
            "Give inputs that fit: verify(data=...)."
        ) from error


def _run_any(split: Split, batch: Any, others: Iterable[tuple[int, Any]]) -> tuple[Any, Any, int | None]:
    """Run the model on a batch, or on the first of others that it runs on.

    Returns
    -------
    batch, outputs, int or None
        Of another, also what its whole numbers are below.
    """
    try:
        return batch, _run(split, batch), None
    except ModelError:
        for below, other in others:
            with contextlib.suppress(ModelError):
                return other, _run(split, other), below
        raise


def _smaller(used: Sequence[int | None]) -> list[Check]:
    """Give the check that says of how many batches the whole numbers had to be smaller than they are else."""
    below = [each for each in used if each is not None]
    if not below:
        return []
    which = "all" if len(below) == len(used) else f"{len(below)} of {len(used)} batches"
    why = "as the model does not run on the larger ones that were tried"
    return [Check(INPUTS, True, f"{which} with whole numbers below {max(below)}, {why}")]


class _BrokenError(Exception):
    """A part does not take what comes before it; says so."""


def _run_parts(split: Split, batch: Any, hand_on: Callable[[Any], Any], way: str, steps: _Steps) -> Any:
    try:
        with Apart(*split.parts):
            return split.run(batch, training=False, hand_on=_watched(split, hand_on, way, steps))
    except PartError as error:
        raise _BrokenError(str(error)) from None
    except Exception as error:
        if isinstance(error, SplitError | _BrokenError) or error is steps.raised:
            raise
        raise _BrokenError(
            f"part {steps.part} does not run on what comes before it ({first_line(error, 240)}); "
            "parts hand tensors on as Keras declares them, which some layers do not keep to"
        ) from error


def _array(tensor: Any) -> Any:
    return None if tensor is None else keras.ops.convert_to_numpy(tensor)


def _handed_on(tensor: Any) -> Any:
    if hasattr(tensor, "row_lengths"):  # of TensorFlow, which alone has them
        raise _BrokenError(
            "ragged tensors cannot be handed on as NumPy arrays, whose rows are all of one length: hand on tensors"
        )
    return _array(tensor)


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
    wanted, made = _arrays(expected), _arrays(found)
    if len(wanted) != len(made):
        return float("inf")
    for a, b in zip(wanted, made, strict=True):
        if a.shape != b.shape:
            return float("inf")
        if a.dtype.kind not in _NUMBERS:
            if not np.array_equal(a, b):
                return float("inf")
            continue
        a, b = _wide(a), _wide(b)
        if not np.array_equal(np.isnan(a), np.isnan(b)):
            return float("inf")
        with np.errstate(invalid="ignore"):
            apart = np.where((a == b) | np.isnan(a), 0.0, np.abs(a - b))
        worst = max(worst, float(apart.max(initial=0.0)))
    return worst


def _telling(outputs: Any, names: Any) -> set[str]:
    """Name the outputs that can prove something: not those that are all infinite, or no numbers, before any cut."""
    return {
        name
        for array, name in zip(_arrays(outputs), keras.tree.flatten(names), strict=False)
        if array is None or array.dtype.kind not in _NUMBERS or not array.size or np.isfinite(_wide(array)).any()
    }


def _untold(split: Split, told: set[str]) -> list[Check]:
    """Give the check that fails where an output of the model has held no number on any input."""
    names = [name for name in dict.fromkeys(keras.tree.flatten(split.manifest.outputs)) if name not in told]
    why = f"{listed(names)} of the model is NaN or infinite everywhere on these inputs; give others: verify(data=...)"
    return [Check("output values", False, why)] if names else []


def _largest(structure: Any) -> float:
    numbers = [_wide(a) for a in _arrays(structure) if a.dtype.kind in _NUMBERS]
    values = [np.abs(a[np.isfinite(a)]) for a in numbers]
    return max((float(v.max(initial=0.0)) for v in values), default=0.0)


_NUMBERS = "biufcV"
"""Kinds of arrays that hold numbers; ``V`` are those that NumPy has not, such as bfloat16. Others hold words."""


def _wide(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array.astype("complex128" if array.dtype.kind == "c" else "float64")


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
    changed = _changes(split.before or (), internals.fingerprint(split.model))
    if not changed:
        return Check("model untouched", True, "names, nodes and trainable flags as before")
    shown = [*changed[:3], *([f"{len(changed) - 3} more"] if len(changed) > 3 else [])]
    return Check("model untouched", False, f"{listed(shown)} changed since the split; split again to prove it")


def _changes(before: internals.Fingerprint, now: internals.Fingerprint) -> list[str]:
    """Say what is another between two fingerprints of a model, which comes before its layers."""
    changes = []
    for (name, *old), (own, *new) in zip(before, now, strict=False):
        if name != own:
            changes.append(f"the name of {name!r} ({own!r} now)")
        changes += [
            f"{what} of {own!r}"
            for what, a, b in zip(("the calls", "the readers", "trainable"), old, new, strict=True)
            if a != b
        ]
    if len(before) != len(now):  # then names behind it are in other places
        return [f"the number of its layers ({len(now)}, {len(before)} before)"]
    return changes
