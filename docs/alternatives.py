"""What splitting by hand gives, counted over the small models of the tests: ``python docs/alternatives.py``.

The cut after every call is tried. Every way is told which tensors cross and which raw inputs the second part needs,
which is half of the work. Between the parts everything goes through NumPy, as it does over a wire or a file.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import keras
import numpy as np

import kerassplit_widget as ks
from kerassplit_widget.models.reading import read_steps
from kerassplit_widget.models.verifying import random_inputs

__all__ = ["BROKEN", "chosen", "count"]

BROKEN = "right, but the model no longer saves"

Symbols = Sequence[Any]


def native(middle: Symbols, inputs: Symbols, outputs: Symbols) -> keras.Model:
    """Take ``keras.Model(middle, outputs)``."""
    return keras.Model([*middle, *inputs], list(outputs))


def recursion(middle: Symbols, inputs: Symbols, outputs: Symbols) -> keras.Model:
    """Call the layers anew, from the outputs back to the middle: the answer most often given in forums."""
    given = [keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype) for tensor in (*middle, *inputs)]
    fresh = {tensor._keras_history.operation.name: new for tensor, new in zip((*middle, *inputs), given, strict=True)}

    def call(layer: Any) -> Any:
        if layer.name not in fresh:
            before = [call(tensor._keras_history.operation) for tensor in keras.tree.flatten(layer.input)]
            fresh[layer.name] = layer(before if len(before) > 1 else before[0])
        return fresh[layer.name]

    return keras.Model(given, [call(tensor._keras_history.operation) for tensor in outputs])


def count(makers: Iterable[Callable[[], keras.Model]]) -> dict[str, Counter[str]]:
    """Count how often each way is right, refused, wrong, or right but leaves a model that cannot be saved.

    Parameters
    ----------
    makers : iterable of callable
        Each makes a small model.

    Returns
    -------
    dict of str to Counter
        From the way to its outcomes, over all cuts of all models.
    """
    found: dict[str, Counter[str]] = {"keras.Model(middle, outputs)": Counter(), "recursion": Counter()}
    found["ks.split"] = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras on lists where it was told one tensor
        for make in makers:
            model = make()
            for number, cut in _places(model).items():
                batch = _batch(model, cut)
                # A new model for each way, as one may leave it broken.
                found["keras.Model(middle, outputs)"][_by_hand(make(), number, batch, native)] += 1
                found["recursion"][_by_hand(make(), number, batch, recursion)] += 1
                found["ks.split"][_ours(make(), number, batch)] += 1
    return found


def chosen() -> list[Callable[[], keras.Model]]:
    """List what makes the small models of the tests, but for two: NumPy has no sparse and ragged arrays."""
    from tests.models import zoo

    return [make for make in zoo.ALL if make.__name__ not in ("sparse", "ragged")]


def _places(model: keras.Model) -> dict[int, ks.Cut]:
    """Find the cuts after each call of the model, by the call's number, different ones only."""
    graph = ks.read(model)
    cuts: dict[frozenset[int], tuple[int, ks.Cut]] = {}
    for number, name in enumerate(graph.names):
        try:
            cut = ks.cut_at(graph, name)
        except ks.SplitError:  # an input or an output
            continue
        cuts.setdefault(cut.head, (number, cut))
    return dict(cuts.values())


def _by_hand(
    model: keras.Model,
    number: int,
    batch: Any,
    way: Callable[[Symbols, Symbols, Symbols], keras.Model],
) -> str:
    reading = read_steps(model)
    graph = reading.graph
    cut = ks.cut_at(graph, graph.names[number])
    expected = _named(graph.outputs, model(batch))
    inputs = dict(zip(graph.inputs, keras.tree.flatten(batch), strict=True))
    late = [name for name in graph.outputs if graph.number[graph.tensors[name].call] not in cut.head]
    early = [name for name in graph.outputs if name not in {*late, *inputs, *cut.tensors}]
    symbols = [[reading.symbolic[name] for name in names] for names in (cut.tensors, cut.inputs_also_needed, late)]
    try:
        ends = [*cut.tensors, *early]
        head = keras.Model(reading.function.inputs, [reading.symbolic[name] for name in ends])
        tail = way(*symbols)
        made = _named(ends, head(_few(list(inputs.values()))))
        between = [keras.ops.convert_to_tensor(made[name]) for name in cut.tensors]
        late_values = tail(_few([*between, *(inputs[name] for name in cut.inputs_also_needed)]))
    except Exception:  # whatever a way stops with, it refuses
        return "refused"
    made |= _named(late, late_values)
    if not all(_same(expected[name], made[name]) for name in (*late, *early)):
        return "wrong"
    return "right" if _saves(model) else BROKEN


def _ours(model: keras.Model, number: int, batch: Any) -> str:
    expected = keras.tree.flatten(model(batch))
    try:
        split = ks.split(model, [ks.read(model).names[number]])
        found = split.run(batch, hand_on=lambda value: keras.ops.convert_to_tensor(np.asarray(value)))
    except ks.SplitError:
        return "refused"
    if not all(map(_same, expected, keras.tree.flatten(found))):
        return "wrong"
    return "right" if _saves(model) else BROKEN


def _batch(model: keras.Model, cut: ks.Cut) -> Any:
    return keras.tree.map_structure(keras.ops.convert_to_tensor, random_inputs(ks.split(model, [cut])))


def _named(names: Sequence[str], values: Any) -> dict[str, Any]:
    return dict(zip(names, map(np.asarray, keras.tree.flatten(values)), strict=True))


def _few(values: list[Any]) -> Any:
    return values if len(values) > 1 else values[0]


def _same(expected: Any, found: Any) -> bool:
    return expected.shape == found.shape and bool(np.allclose(expected, found, rtol=1e-4, atol=1e-5))


def _saves(model: keras.Model) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            model.save(Path(folder) / "model.keras")
        except Exception:
            return False
    return True


if __name__ == "__main__":
    makers = chosen()
    sys.stdout.write(f"{len(makers)} models, Keras {keras.__version__}\n")
    for way, outcomes in count(makers).items():
        sys.stdout.write(f"{way:30}{dict(outcomes)}\n")
