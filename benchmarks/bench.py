"""Opening and splitting, against what Keras offers: a table of CPU times and their ratios.

``make bench`` runs this. All times of a model come from one process, one after the other, so the
ratios hold on a busy machine where the times themselves do not. A time is the processor time of
this process and of its children (``plot_model`` has Graphviz do the work), the median of a few.

Most of ``plot_model`` is painting a bitmap, whose height Graphviz caps at 32,767 pixels: its time
follows the picture's area more than the model's size (EfficientNetB7's is narrow, so it is cheap).
Opening paints no bitmap, so "layout" is shown beside it: the same graph, the same options, given
to Graphviz for coordinates only.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras

import kerassplit_widget as ks

__all__ = ["Row", "main", "measure"]

MODELS = ("ResNet50", "DenseNet201", "EfficientNetB7", "NASNetLarge")
ROUNDS = 3
REPORT = Path(__file__).resolve().parent.parent / "build" / "bench.json"

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Row:
    """CPU seconds for one model; ratios are what the project promises something about."""

    model: str
    calls: int
    construct: float
    plot_model: float
    plot_layout: float
    open: float
    split: float
    native_split: float
    split_first: float
    native_tail: float
    split_half: float
    native_half: float
    native_half_tail: float
    open_to_plot_model: float
    open_to_plot_layout: float
    open_to_construct: float
    split_to_native: float
    split_to_native_tail: float
    split_to_native_half: float
    split_to_native_half_tail: float


def measure(name: str, rounds: int = ROUNDS) -> Row:
    """Measure one ``keras.applications`` model in ``rounds`` rounds, each on a fresh model."""
    times: dict[str, list[float]] = {}

    def timed(what: str, work: Callable[..., Result], *arguments: object) -> Result:
        gc.collect()
        start = _cpu()
        result = work(*arguments)
        times.setdefault(what, []).append(_cpu() - start)
        return result

    constructor = getattr(keras.applications, name)
    with tempfile.TemporaryDirectory(prefix="kerassplit-bench-") as folder:
        picture = str(Path(folder) / "model.png")
        for number in range(rounds):
            keras.backend.clear_session()
            model = timed("construct", partial(constructor, weights=None))
            # plot_model takes long and varies little.
            if number == 0:
                timed("plot_model", keras.utils.plot_model, model, picture)
                if not Path(picture).is_file():
                    raise RuntimeError("plot_model drew nothing: are pydot and Graphviz there?")
                timed("plot_layout", _plot_layout, model)
            widget = timed("open", ks.SplitWidget, model)
            calls = len(widget.graph)
            widget.close()
            candidates = ks.cut_candidates(model)
            point = candidates[len(candidates) // 2].points[0]
            first = candidates[0].points[0]
            timed("split_first", ks.split, model, [first])
            timed("split", ks.split, model, [point])
            half = ks.cut_at(model, widget.graph.names[calls // 2])
            timed("split_half", ks.split, model, [half])
            # Last, because native splitting leaves its nodes on the model's layers.
            timed("native_split", _native_split, model, [point])
            timed("native_half", _native_split, model, half.tensors)
            middle = [model.get_layer(name).output for name in half.tensors]
            timed("native_half_tail", keras.Model, middle, model.output)
            timed("native_tail", keras.Model, model.get_layer(first).output, model.output)
    median = {what: statistics.median(values) for what, values in times.items()}
    return Row(
        model=name,
        calls=calls,
        **median,
        open_to_plot_model=median["open"] / median["plot_model"],
        open_to_plot_layout=median["open"] / median["plot_layout"],
        open_to_construct=median["open"] / median["construct"],
        split_to_native=median["split"] / median["native_split"],
        split_to_native_tail=median["split_first"] / median["native_tail"],
        split_to_native_half=median["split_half"] / median["native_half"],
        split_to_native_half_tail=median["split_half"] / median["native_half_tail"],
    )


def markdown(rows: list[Row]) -> str:
    """Write the rows as a Markdown table; times in seconds of CPU."""
    head = (
        "| model | calls | construct | plot_model | its layout | open | open / plot_model"
        " | open / its layout | open / construct"
        " | split | native split | split / native | split at the first candidate | native tail | split / native tail |"
        " split at half the calls | native | split / native | native tail | split / native tail |"
    )
    lines = [head, "|---|" + "---:|" * (head.count("|") - 2)]
    for row in rows:
        lines.append(
            f"| {row.model} | {row.calls} | {row.construct:.2f} | {row.plot_model:.2f}"
            f" | {row.plot_layout:.2f} | {row.open:.3f} | 1/{1 / row.open_to_plot_model:.0f}"
            f" | 1/{1 / row.open_to_plot_layout:.0f} | {row.open_to_construct:.1%}"
            f" | {row.split:.3f} | {row.native_split:.3f} | {row.split_to_native:.2f}"
            f" | {row.split_first:.3f} | {row.native_tail:.3f} | {row.split_to_native_tail:.2f} |"
            f" {row.split_half:.3f} | {row.native_half:.3f} | {row.split_to_native_half:.2f} |"
            f" {row.native_half_tail:.3f} | {row.split_to_native_half_tail:.2f} |"
        )
    return "\n".join(lines)


def main(names: list[str]) -> int:
    """Measure, print the table, write it to ``build/bench.json``."""
    _warm_up()
    rows = []
    for name in names or MODELS:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows.append(measure(name))
    print(f"\nCPU seconds, median of {ROUNDS} rounds (plot_model and its layout: one)\n\n{markdown(rows)}")
    REPORT.parent.mkdir(exist_ok=True)
    report = {
        "keras": keras.__version__,
        "python": sys.version.split()[0],
        "rounds": ROUNDS,
        "rows": [asdict(row) for row in rows],
    }
    REPORT.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def _native_split(model: keras.Model, tensors: Sequence[str]) -> tuple[keras.Model, keras.Model]:
    middle = [model.get_layer(name).output for name in tensors]
    return keras.Model(model.input, middle), keras.Model(middle, model.output)


def _plot_layout(model: keras.Model) -> None:
    """Do what ``plot_model`` does by default, but for the painting."""
    graph = keras.utils.model_to_dot(model, show_layer_names=False)
    if not graph.create(format="plain"):
        raise RuntimeError("Graphviz gave no coordinates.")


def _warm_up() -> None:
    """Let everybody import and initialise what they need, so that no row pays for it."""
    model = keras.Sequential([keras.Input((4,)), *(keras.layers.Dense(2) for _ in range(3))])
    ks.SplitWidget(model).close()
    ks.split(model, [model.layers[1].name])
    with tempfile.TemporaryDirectory(prefix="kerassplit-bench-") as folder:
        keras.utils.plot_model(model, str(Path(folder) / "model.png"))


def _cpu() -> float:
    # Not os.times(): that counts in hundredths of a second, which is what opening takes.
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
