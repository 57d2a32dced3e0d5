"""Our layout against dot, dagre and ELK: crossings, edges through boxes, likeness of repeats, size and CPU time.

Every engine gets the same graphs, boxes and gaps and otherwise its own defaults. All drawings are
judged by one ruler, `tests.drawing_metrics`; the curves of dot are judged as polylines. Times are
CPU seconds from a graph to coordinates, nothing is painted: ours includes the region tree, dot's its
process and the measuring of names.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.drawing import Graph, random_graph
from benchmarks.zoo import Named, applications, backbones, hand_made
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.layout import Layout, lay_out
from kerassplit_widget.structure.regions import empty_frontier
from kerassplit_widget.structure.regions.folding import Fold, fold
from tests.drawing_metrics import alike, quality, straightness

__all__ = ["Drawn", "main"]

BOX = (150.0, 36.0)
GAPS = (24.0, 24.0)  # between ranks, between boxes; the same as ours
PEERS = Path(__file__).resolve().parent / "peers"
REPORT = Path(__file__).resolve().parent.parent / "build" / "layouts.json"
ENGINES = ("ours", "dot", "dagre", "elk")
CURVE = np.linspace(0, 1, 8)[1:]  # a Bezier curve is judged as seven straight pieces
ROUNDS = 5  # of ours, of which the median counts


@dataclass(frozen=True, slots=True)
class Drawn:
    """How one engine drew one graph; width and height in pixels, CPU seconds.

    Of all `copies` of repeats some are drawn exactly as most of their repeat, and some so or as a mirror image.
    """

    crossings: int
    hits: int
    overlaps: int
    straight: float
    width: float
    height: float
    seconds: float
    copies: int
    alike: int
    alike_or_mirrored: int


class Node:
    """The process in which dagre and ELK run."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", "--stack-size=8000", "lay_out.mjs"],
            cwd=PEERS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def lay_out(self, engine: str, graph: Graph) -> tuple[Layout, float]:
        """Let `engine` lay out a graph."""
        assert self._process.stdin is not None and self._process.stdout is not None
        asked = {"engine": engine, "n": len(graph), "edges": _edges(graph), "size": BOX, "gaps": GAPS}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{engine} gave no answer; its message is above")
        drawn = json.loads(answer)
        return _layout(graph, drawn["x"], drawn["y"], drawn["routes"]), drawn["seconds"]

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def ours(graph: Graph) -> tuple[Layout, float]:
    """Lay out a graph with the package, region tree included."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        layout = lay_out(graph, size=BOX)
        times.append(time.process_time() - start)
    return layout, sorted(times)[ROUNDS // 2]


def dot(graph: Graph) -> tuple[Layout, float]:
    """Lay out a graph with Graphviz."""
    width, height = (side / 72 for side in BOX)
    lines = [
        "digraph {",
        f"ranksep={GAPS[0] / 72} nodesep={GAPS[1] / 72}",
        f"node [shape=box fixedsize=true width={width} height={height}] edge [dir=none]",
        *(f'{call} [label="{call_name(call)}"]' for call in range(len(graph))),
        *(f"{u} -> {v}" for u, v in _edges(graph)),
        "}",
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["dot", "-Tplain"], input="\n".join(lines), capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    x, y = [0.0] * len(graph), [0.0] * len(graph)
    routes: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for line in done.stdout.splitlines():
        kind, *words = line.split()
        if kind == "node":
            x[int(words[0])], y[int(words[0])] = 72 * float(words[1]), -72 * float(words[2])
        elif kind == "edge":
            values = np.array(words[3 : 3 + 2 * int(words[2])], dtype=float).reshape(-1, 2) * [72, -72]
            routes[int(words[0]), int(words[1])] = _flattened(values)
    return _layout(graph, x, y, [routes[edge] for edge in _edges(graph)]), seconds


def call_name(call: int) -> str:
    """Write a text of usual length, which dot must measure; ours is measured by its length."""
    return f"conv2_block1_{call}"


def _flattened(control: Any) -> list[tuple[float, float]]:
    """Turn cubic Bezier curves, end to end, into straight pieces."""
    points = [tuple(control[0])]
    t = CURVE[:, None]
    for i in range(0, len(control) - 1, 3):
        a, b, c, d = control[i : i + 4]
        curve = (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d
        points += map(tuple, curve)
    return points


def _edges(graph: Graph) -> list[tuple[int, int]]:
    return [(u, v) for u, targets in enumerate(graph) for v in targets]


def _layout(graph: Graph, x: Any, y: Any, routes: Sequence[Sequence[Sequence[float]]]) -> Layout:
    """Put a peer's drawing into our words."""
    ends = np.array(_edges(graph), dtype=np.int32).reshape(-1, 2)
    points = np.array(list(chain.from_iterable(routes)), dtype=np.float32).reshape(-1, 2)
    # Two lines of dot often cross at a bend that they have in common, where no pieces of them cross.
    nudge = np.random.default_rng(1).uniform(-0.2, 0.2, (len(routes), 2)).astype(np.float32)
    points += np.repeat(nudge, [len(route) for route in routes], axis=0)
    centres = np.stack([np.array(x), np.array(y)], axis=1).astype(np.float32)
    half = np.array(BOX) / 2
    corners = np.concatenate([centres - half, centres + half, points])
    return Layout(
        x=centres[:, 0],
        y=centres[:, 1],
        sizes=np.tile(np.array(BOX, dtype=np.float32), (len(graph), 1)),
        sources=ends[:, 0],
        targets=ends[:, 1],
        route_start=np.cumsum([0, *map(len, routes)]).astype(np.int32),
        points=points,
        bounds=(*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()),
    )


def judged(graph: Graph, repeats: Sequence[Sequence[Sequence[int]]], layout: Layout, seconds: float) -> Drawn:
    """Measure a drawing."""
    found = quality(layout)
    left, top, right, bottom = layout.bounds
    return Drawn(
        crossings=found.crossings,
        hits=found.hits,
        overlaps=found.overlaps,
        straight=round(straightness(layout, _candidates(graph)), 3),
        width=right - left,
        height=bottom - top,
        seconds=round(seconds, 5),
        copies=sum(map(len, repeats)),
        alike=sum(alike(layout, copies) for copies in repeats),
        alike_or_mirrored=sum(alike(layout, copies, mirrored=True) for copies in repeats),
    )


def _repeats(graph: LayerGraph) -> list[list[list[int]]]:
    """List all repeats of a model: the calls of each copy, in the same order."""
    found = []
    stack = [fold(graph)]
    while stack:
        item = stack.pop()
        stack += item.children
        if item.kind == "repeat":
            found.append([_in_order(copy) for copy in item.children])
    return found


def _in_order(item: Fold) -> list[int]:
    """List the calls of a fold in canonical order."""
    if not item.children:
        return list(item.calls)
    return [call for child in item.children for call in _in_order(child)]


def _candidates(graph: Graph) -> list[int]:
    """List the calls after which one computed tensor alone is needed: they dominate all that follows."""
    before: list[list[int]] = [[] for _ in graph]
    for u, targets in enumerate(graph):
        for v in targets:
            before[v].append(u)
    inputs = {v for v, sources in enumerate(before) if not sources}
    single = empty_frontier([[u for u in sources if u not in inputs] for sources in before])
    return [v for v, alone in enumerate(single) if alone and v not in inputs and graph[v]]


Judged = tuple[Graph, list[list[list[int]]]]
"""A graph and its repeats."""


def zoo(names: Sequence[str]) -> Iterator[tuple[str, Judged]]:
    """Yield the graphs whose name begins with one of `names`; without names all of them."""
    drawn_up: Iterator[Named] = (
        (f"random_{n}_{i}", partial(random_graph, n, i)) for n in (12, 20, 30, 50) for i in range(3)
    )
    for name, make in chain(hand_made(), backbones(), drawn_up, applications()):
        if not names or name.lower().startswith(tuple(each.lower() for each in names)):
            made = make()
            yield name, (made.successors, _repeats(made)) if isinstance(made, LayerGraph) else (made, [])


def compared(graphs: Iterable[tuple[str, Judged]]) -> dict[str, dict[str, Drawn]]:
    """Draw every graph with every engine."""
    node = Node()
    engines: dict[str, Callable[[Graph], tuple[Layout, float]]] = {
        "ours": ours,
        "dot": dot,
        "dagre": lambda graph: node.lay_out("dagre", graph),
        "elk": lambda graph: node.lay_out("elk", graph),
    }
    rows = {}
    for name, (graph, repeats) in graphs:
        print(f"drawing {name} ...", file=sys.stderr, flush=True)
        rows[f"{name} ({len(graph)})"] = {
            engine: judged(graph, repeats, *draw(graph)) for engine, draw in engines.items()
        }
    node.close()
    return rows


def markdown(rows: dict[str, dict[str, Drawn]]) -> str:
    """Write the table: crossings, then hits if there are any, for each engine; a star where we are worse."""
    lines = ["| graph (calls) | " + " | ".join(ENGINES) + " | dot / ours, time | height, ours : dot |"]
    lines.append("|---|" + "---:|" * (len(ENGINES) + 2))
    for name, row in rows.items():
        cells = [f"{d.crossings}" + (f" + {d.hits}" if d.hits else "") for d in (row[e] for e in ENGINES)]
        if worse(row):
            cells[0] = f"**{cells[0]}**"
        time_ratio = row["dot"].seconds / row["ours"].seconds
        height = row["ours"].height / row["dot"].height
        lines.append(f"| {name} | {' | '.join(cells)} | {time_ratio:.0f} | {height:.2f} |")
    totals = [
        f"{sum(row[e].crossings for row in rows.values())} + {sum(row[e].hits for row in rows.values())}"
        for e in ENGINES
    ]
    lines.append(f"| total | {' | '.join(totals)} | | |")
    likeness = [_likeness(row[e] for row in rows.values()) for e in ENGINES]
    lines.append(f"| copies of repeats drawn alike (or mirrored) | {' | '.join(likeness)} | | |")
    return "\n".join(lines)


def _likeness(drawn: Iterable[Drawn]) -> str:
    """Write the share of copies of repeats that are drawn as most of their repeat."""
    counts = [(each.copies, each.alike, each.alike_or_mirrored) for each in drawn]
    copies, same, mirrored = (sum(column) for column in zip(*counts, strict=True))
    return f"{same / copies:.1%} ({mirrored / copies:.1%})" if copies else "-"


def worse(row: dict[str, Drawn]) -> bool:
    """Whether some other engine draws a graph with fewer crossings, or fewer edges through boxes."""
    others = [row[engine] for engine in ENGINES if engine != "ours"]
    return any(
        row["ours"].crossings + row["ours"].hits > other.crossings + other.hits or row["ours"].hits > other.hits
        for other in others
    )


def main(names: list[str]) -> int:
    """Compare, print the table, write it to ``build/layouts.json``; fail if we are worse anywhere."""
    rows = compared(zoo(names))
    print(f"\nCrossings (+ edges through boxes)\n\n{markdown(rows)}")
    REPORT.parent.mkdir(exist_ok=True)
    report = {name: {engine: asdict(drawn) for engine, drawn in row.items()} for name, row in rows.items()}
    REPORT.write_text(json.dumps(report, indent=1) + "\n")
    losses = [name for name, row in rows.items() if worse(row)]
    print(f"\nWorse than another engine on: {', '.join(losses) or 'none'}")
    return 1 if losses else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
