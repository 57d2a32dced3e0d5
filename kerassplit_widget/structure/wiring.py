"""Which tensors each part takes and returns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kerassplit_widget.structure.graph import LayerGraph, mask_name

__all__ = ["Wire", "wire_parts"]


@dataclass(frozen=True, slots=True)
class Wire:
    """What a part takes and returns, as names of tensors (and of their masks, ``embed:mask``), in order.

    Attributes
    ----------
    takes, returns : tuple of str
    calls : tuple of int
        Numbers of the calls that are made in the part.
    """

    takes: tuple[str, ...]
    returns: tuple[str, ...]
    calls: tuple[int, ...]


def wire_parts(graph: LayerGraph, heads: Sequence[Iterable[int]], *, direct: bool = False) -> list[Wire]:
    """Wire the parts between nested cuts.

    Parameters
    ----------
    graph : LayerGraph
    heads : sequence of iterables of int
        The head of each cut, nested.
    direct : bool
        False: the parts form a chain (relay); the first takes all inputs of the model, the last returns all its
        outputs, and whatever a later part needs is passed through those between. True: each part takes and returns
        only what it computes with.

    Returns
    -------
    list of Wire
        One more than heads.
    """
    parts = len(heads) + 1
    stage = _stages(graph, heads)
    made = {tensor.name: part for part, call in zip(stage, graph.calls, strict=True) for tensor in call.outputs}
    last, last_mask = _last_uses(graph, stage, parts)
    calls: list[list[int]] = [[] for _ in range(parts)]
    for n, call in enumerate(graph.calls):
        if not call.is_input:
            calls[stage[n]].append(n)

    def with_mask(names: Iterable[str], wanted: Iterable[str]) -> tuple[str, ...]:
        masks = set(wanted)
        return tuple(each for n in names for each in ((n, mask_name(n)) if n in masks else (n,)))

    if direct:
        takes, returns = [], []
        for i, numbers in enumerate(calls):
            read = {name for n in numbers for name in graph.calls[n].inputs}
            masked = {name for n in numbers for name in graph.calls[n].masked}
            outside = [name for name in graph.tensors if name in read and not _made_in(graph, name, made, i)]
            takes.append(with_mask(outside, masked))
            own = [name for n in numbers for name in (t.name for t in graph.calls[n].outputs)]
            wanted = [name for name in own if last[name] > i or name in graph.outputs]
            returns.append(with_mask(wanted, (name for name in own if last_mask.get(name, -1) > i)))
    else:
        borders = [
            with_mask(
                (name for name in graph.tensors if made[name] <= i < last[name]),
                (name for name, part in last_mask.items() if part > i),
            )
            for i in range(parts - 1)
        ]
        takes, returns = [graph.inputs, *borders], [*borders, graph.outputs]
    return [Wire(*wire) for wire in zip(takes, returns, map(tuple, calls), strict=True)]


def _stages(graph: LayerGraph, heads: Sequence[Iterable[int]]) -> list[int]:
    """Tell in which part each call is made, counting from 0. Raw inputs all enter at the first."""
    stage = [len(heads)] * len(graph)
    for i in reversed(range(len(heads))):
        for n in heads[i]:
            stage[n] = i
    return [0 if call.is_input else stage[n] for n, call in enumerate(graph.calls)]


def _last_uses(graph: LayerGraph, stage: Sequence[int], parts: int) -> tuple[dict[str, int], dict[str, int]]:
    """Find the last part that needs each tensor, and the last that needs its mask."""
    last = dict.fromkeys(graph.tensors, -1)
    masks: dict[str, int] = {}
    for part, call in zip(stage, graph.calls, strict=True):
        for name in call.inputs:
            if part > last[name]:
                last[name] = part
        for name in call.masked:
            masks[name] = max(part, masks.get(name, -1))
    last.update(dict.fromkeys(graph.outputs, parts - 1))
    return last, masks


def _made_in(graph: LayerGraph, name: str, made: dict[str, int], part: int) -> bool:
    return made[name] == part and not graph[graph.tensors[name].call].is_input
