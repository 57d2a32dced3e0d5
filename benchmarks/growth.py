"""How the time of our layout grows with the graph: CPU seconds at 1,000, 10,000 and 100,000 calls.

A time runs from successor lists to coordinates, the region tree included. Each kind of graph is built as real models
are, but longer; the last ones are harder than any model: small cores that are all different, and a single core.

Nothing here loads Keras. Where it is loaded, its 400,000 objects are looked through whenever Python collects garbage in
full, which takes 0.2 s and is due about once in two to four drawings of 10,000 calls.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

from benchmarks.drawing import Drawing, Graph, random_graph
from kerassplit_widget.structure.layout import lay_out

__all__ = ["KINDS", "Row", "main"]

CALLS = (1_000, 10_000, 100_000)
BOUNDS = {10_000: 0.15, 100_000: 3.0}  # CPU seconds
ROUNDS = {1_000: 9, 10_000: 7, 100_000: 1}  # of which the fastest counts: what else runs here only adds to a time
REPORT = Path(__file__).resolve().parent.parent / "build" / "growth.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of graph: its calls and CPU seconds at each size."""

    kind: str
    calls: list[int]
    seconds: list[float]

    @property
    def is_within(self) -> bool:
        """Whether it keeps the promised times."""
        return all(took <= BOUNDS.get(asked, took) for asked, took in zip(CALLS, self.seconds, strict=True))


Block = Callable[[Drawing, int], int]
"""Adds calls after one; gives the last of them."""


def _in_series(calls: int, *blocks: Block) -> Graph:
    """Put blocks one after the other, in turn, until there are so many calls."""
    net = Drawing()
    x = net.call()
    turn = 0
    while len(net.successors) < calls:
        x = blocks[turn % len(blocks)](net, x)
        turn += 1
    return net.successors


def _residual(net: Drawing, x: int) -> int:
    return net.call(net.chain(x, 9), x)


def _inception(net: Drawing, x: int) -> int:
    return net.call(*(net.chain(x, length) for length in (3, 6, 9, 4)))


def _dense(net: Drawing, x: int) -> int:
    made = [net.call(x)]
    for _ in range(12):
        made.append(net.chain(net.call(*made), 3))
    return net.call(*made)


def _squeeze_excite(net: Drawing, x: int) -> int:
    wide = net.chain(x, 6)
    return net.call(net.chain(net.call(wide, net.chain(wide, 4)), 3), x)


def _transformer(calls: int) -> Graph:
    net = Drawing()
    mask, x = net.call(), net.call()
    while len(net.successors) < calls:
        x = net.feed_forward(net.self_attention(x, mask))
    return net.successors


def _u_net(calls: int) -> Graph:
    net = Drawing()
    x = net.call()
    skips = []
    while len(net.successors) < calls * 7 / 15:
        skips.append(net.chain(x, 6))
        x = net.call(skips[-1])
    for skip in reversed(skips):
        x = net.chain(net.call(net.call(x), skip), 6)
    return net.successors


def _cells(calls: int) -> Graph:
    """Cells that read the two before them, as NASNet's do; after each six is a place that a single tensor crosses."""
    net = Drawing()
    x = net.call()
    while len(net.successors) < calls:
        before = x = net.chain(x, 2)
        for _ in range(6):
            left, right = net.call(before), net.call(x)
            sums = [net.call(net.chain(left, 3), right), net.call(left, net.chain(right, 3)), net.call(left, right)]
            before, x = x, net.call(*sums, left)
    return net.successors


def _core(random: Random) -> Block:
    """Draw up a block of twelve calls, each of which reads one or two of the four before it."""
    reads = [random.sample(range(max(0, v - 4), v), min(v, random.choice((1, 2, 2)))) for v in range(1, 13)]

    def block(net: Drawing, x: int) -> int:
        made = [x]
        for near in reads:
            made.append(net.call(*(made[i] for i in near)))
        read = {i for near in reads for i in near}
        return net.call(*(call for i, call in enumerate(made) if i not in read))

    return block


def _different_cores(calls: int) -> Graph:
    random = Random(calls)
    return _in_series(calls, *(_core(random) for _ in range(calls // 13 + 1)))


KINDS: dict[str, Callable[[int], Graph]] = {
    "chain": lambda calls: _in_series(calls, lambda net, x: net.call(x)),
    "residual": lambda calls: _in_series(calls, _residual),
    "inception": lambda calls: _in_series(calls, _inception),
    "squeeze and excite": lambda calls: _in_series(calls, _squeeze_excite),
    "dense blocks": lambda calls: _in_series(calls, _dense),
    "transformer with a mask": _transformer,
    "one deep U-Net": _u_net,
    "cells reading the last two": _cells,
    "cores of one kind": lambda calls: _in_series(calls, _core(Random(1))),
    "cores of five kinds": lambda calls: _in_series(calls, *(_core(Random(seed)) for seed in range(5))),
    "cores, all different": _different_cores,
    "a single core": lambda calls: random_graph(calls, 1),
}


def measured(kind: str) -> Row:
    """Lay out the graphs of one kind."""
    counts, seconds = [], []
    for calls in CALLS:
        graph = KINDS[kind](calls)
        times = []
        for _ in range(ROUNDS[calls]):
            start = time.process_time()
            lay_out(graph)
            times.append(time.process_time() - start)
        counts.append(len(graph))
        seconds.append(round(min(times), 5))
    return Row(kind, counts, seconds)


def markdown(rows: Sequence[Row]) -> str:
    """Write the table; a time over its bound is bold."""
    head = "| kind of graph | " + " | ".join(f"{calls:,}" for calls in CALLS) + " | growth per tenfold | within |"
    lines = [head, "|---|" + "---:|" * (len(CALLS) + 1) + "---|"]
    for row in rows:
        cells = [
            f"**{took:.4f}**" if took > BOUNDS.get(calls, took) else f"{took:.4f}"
            for calls, took in zip(CALLS, row.seconds, strict=True)
        ]
        growth = ", ".join(f"{b / a:.1f}" for a, b in pairwise(row.seconds))
        lines.append(f"| {row.kind} | {' | '.join(cells)} | {growth} | {'yes' if row.is_within else 'no'} |")
    return "\n".join(lines)


def main(names: Sequence[str]) -> int:
    """Measure the kinds whose name begins with one of `names`, print the table, write it to ``build/growth.json``."""
    rows = [measured(kind) for kind in KINDS if not names or kind.startswith(tuple(names))]
    bounds = ", ".join(f"{calls:,} in {most} s" for calls, most in BOUNDS.items())
    print(f"\nCPU seconds of our layout for graphs of so many calls; promised: {bounds}\n\n{markdown(rows)}")
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
