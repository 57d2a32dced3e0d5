"""Many stages: improve a plan a few neighbouring stages at a time."""

from __future__ import annotations

import numpy as np

from kerassplit_widget.structure.planning.aims import Aim, Watch
from kerassplit_widget.structure.planning.folding import Folded
from kerassplit_widget.structure.planning.intervals import Stages
from kerassplit_widget.structure.planning.staging import Window, improve, stage_ranges

__all__ = ["improve_in_windows"]

WIDTHS = (2, 3, 4)
"""Numbers of neighbouring stages that are planned anew together."""
SECONDS = 4.0
"""Time for one window."""


def improve_in_windows(folded: Folded, stages: Stages, aim: Aim, watch: Watch, seconds: float) -> Stages:
    """Plan the stages around the worst one anew until that no longer helps.

    Parameters
    ----------
    folded : Folded
    stages : tuple of frozenset of int
        Groups of `folded`; none empty.
    aim : Aim
    watch : Watch
    seconds : float
        Time for all windows together.

    Returns
    -------
    tuple of frozenset of int
        At least as good.
    """
    parts = len(stages)
    end = watch.left - seconds
    failed: set[Stages] = set()
    values = aim.values(folded.whole, folded.unfold(stages))
    while True:
        worst = int(values.argmax())
        ranges = stage_ranges(folded.problem, parts, float(values.max()), aim)
        if ranges is None:
            return stages
        for window in _windows(worst, parts):
            tried = stages[window.start : window.stop]
            if tried in failed:
                continue
            if watch.stopped or watch.settled or watch.left <= end:
                return stages
            better = _replan(folded, stages, window, ranges, aim, watch, float(values.max()))
            if better is None:
                failed.add(tried)
                continue
            changed = aim.values(folded.whole, folded.unfold(better))
            if sorted(changed, reverse=True) < sorted(values, reverse=True):
                stages, values = better, changed
                watch.report(f"stages {window.start + 1} to {window.stop}", value=float(values.max()))
                break
            failed.add(tried)
        else:
            return stages


def _windows(worst: int, parts: int) -> list[range]:
    """List the runs of stages that the worst one is in, short ones first."""
    return [
        range(start, start + width)
        for width in WIDTHS
        if width < parts
        for start in range(max(0, worst - width + 1), min(worst, parts - width) + 1)
    ]


def _replan(
    folded: Folded,
    stages: Stages,
    window: range,
    ranges: tuple[list[int], list[int]],
    aim: Aim,
    watch: Watch,
    limit: float,
) -> Stages | None:
    first, last = np.array(ranges[0]), np.array(ranges[1])
    for s, stage in enumerate(stages):
        calls = list(stage)
        inside = s in window
        first[calls] = np.maximum(first[calls], window.start) if inside else s
        last[calls] = np.minimum(last[calls], window.stop - 1) if inside else s
    if (first > last).any():
        return None
    view = Window(first.tolist(), last.tolist(), window, filled=True)
    found: list[Stages] = []
    improve(folded, len(stages), aim, view, watch, found.append, limit=limit, seconds=min(SECONDS, watch.left))
    return found[-1] if found else None
