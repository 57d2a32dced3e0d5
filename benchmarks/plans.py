"""Planned cuts against the rules that people use: a table of ratios.

``make bench`` runs this. Two references, on the model's own topological order of calls:

- *block partition*: consecutive blocks whose largest computing time is as small as possible, blind to communication.
  torchgpipe balances its stages so, by a heuristic [1]_; here it is solved exactly, which can only help it.
- *equal parameters*: a new part begins when the parts so far have their share of the parameters, as compilers for edge
  accelerators do.

Both are given the same loads as the plan: computing, and each tensor received and sent once over 1 Gb/s links.

.. [1] C. Kim et al., "torchgpipe: On-the-fly Pipeline Parallelism for Training Giant Models", 2020, after I. Bárány,
   V. S. Grinberg, "Block partitions of sequences", Israel J. Math. 206, 2015.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from kerassplit_widget.errors import PlanError
from kerassplit_widget.models.planning.planner import Planner
from kerassplit_widget.models.planning.questions import Question
from kerassplit_widget.models.reading import read_steps
from kerassplit_widget.structure.planning import evaluate

__all__ = ["block_partition", "equal_shares", "main"]

MODELS = ("ResNet50", "InceptionV3", "DenseNet201", "NASNetLarge")
PARTS = (4, 8)
MIB = 2.0**20
REPORT = Path(__file__).resolve().parent.parent / "build" / "plans.json"


def block_partition(costs: Sequence[float], parts: int) -> list[list[int]]:
    """Divide a sequence into consecutive blocks, none empty, of which the largest sum is as small as possible."""
    sums = np.concatenate([[0.0], np.cumsum(costs)])
    n = len(costs)
    best = np.full((parts + 1, n + 1), np.inf)
    last = np.zeros((parts + 1, n + 1), dtype=int)
    best[0, 0] = 0.0
    for k in range(1, parts + 1):
        for end in range(k, n + 1):
            values = np.maximum(best[k - 1, :end], sums[end] - sums[:end])
            last[k, end] = values.argmin()
            best[k, end] = values[last[k, end]]
    blocks, end = [], n
    for k in range(parts, 0, -1):
        blocks.append(list(range(last[k, end], end)))
        end = last[k, end]
    return blocks[::-1]


def equal_shares(sizes: Sequence[float], parts: int) -> list[list[int]]:
    """Divide a sequence where the sum so far passes the next share of the whole; no block is empty."""
    sums = np.cumsum(sizes)
    ends = [int(np.searchsorted(sums, sums[-1] * k / parts)) + 1 for k in range(1, parts)]
    ends = [min(max(end, k), len(sizes) - parts + k) for k, end in enumerate(ends, 1)]
    borders = [0, *np.maximum.accumulate(ends).tolist(), len(sizes)]
    return [list(range(a, b)) for a, b in itertools.pairwise(borders)]


def measure(name: str, parts: int) -> dict[str, object]:
    """Plan one model and compare the largest load."""
    reading = read_steps(getattr(keras.applications, name)(weights=None))
    planner = Planner(reading, Question(parts=parts))
    params = [reading.graph.calls[n].params for n in planner.numbers.calls]
    start = time.process_time()
    found = planner.plan({})
    seconds = time.process_time() - start
    references = {
        "block partition": block_partition(planner.problem.cost.tolist(), parts),
        "equal parameters": equal_shares(params, parts),
    }
    loads = {rule: float(evaluate(planner.problem, stages).total.max()) for rule, stages in references.items()}
    try:
        single: float | None = Planner(reading, Question(parts=parts, single_tensor=True)).plan({}).value
    except PlanError:  # too few places where one tensor crosses
        single = None
    return {
        "model": name,
        "parts": parts,
        "value": found.value,
        "gap": found.gap,
        "seconds": seconds,
        **{rule: load / found.value for rule, load in loads.items()},
        "single tensor": None if single is None else single / found.value,
    }


def memory() -> list[tuple[str, float]]:
    """ResNet50 in four parts at int8: the most that a part holds, in MiB."""
    reading = read_steps(keras.applications.ResNet50(weights=None))
    planner = Planner(reading, Question(parts=4, objective="memory", precision="int8"))
    params = [reading.graph.calls[n].params for n in planner.numbers.calls]
    costs = Planner(reading, Question(parts=4)).problem.cost.tolist()
    rules = {"equal parameters": equal_shares(params, 4), "block partition": block_partition(costs, 4)}
    rows = [(rule, float(evaluate(planner.problem, stages).weights.max()) / MIB) for rule, stages in rules.items()]
    return [("plan", planner.plan({}).value / MIB), *rows]


def main(names: list[str]) -> int:
    """Measure, print the table, write it to ``build/plans.json``."""
    rows = []
    for name in names or MODELS:
        for parts in PARTS:
            print(f"planning {name} in {parts} parts ...", file=sys.stderr, flush=True)
            rows.append(measure(name, parts))
    print("\nLargest load of a part, as a multiple of the plan's (1 Gb/s links, 100 GFLOP/s)\n")
    print("| model | parts | plan | gap | CPU s | block partition | equal parameters | best single-tensor cuts |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        single = "none" if row["single tensor"] is None else f"{row['single tensor']:.2f}"
        print(
            f"| {row['model']} | {row['parts']} | {1000 * float(str(row['value'])):.1f} ms | {row['gap']:.1%} "
            f"| {row['seconds']:.1f} | {row['block partition']:.2f} | {row['equal parameters']:.2f} | {single} |"
        )
    held = memory()
    print("\nResNet50 in 4 parts at int8, MiB in the largest: " + ", ".join(f"{rule} {mib:.2f}" for rule, mib in held))
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps({"keras": keras.__version__, "rows": rows, "memory": held}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
