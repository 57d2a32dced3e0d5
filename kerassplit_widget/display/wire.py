"""The payload that the front end draws: the only owner of its format and its version.

Columnar JSON with one binary buffer. The other end is `js/src/protocol.ts`; `tests/data/payload_v1.json` is written by
the tests of this module and read by the tests of the other, so that the two cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kerassplit_widget.display.editing import Editor
from kerassplit_widget.structure.cuts import Cut, cut_candidates
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.layout import Layout
from kerassplit_widget.structure.text import shape_text
from kerassplit_widget.structure.wiring import Wire, wire_parts

__all__ = ["VERSION", "cut_row", "picture", "placed", "result"]

VERSION = 1


def picture(graph: LayerGraph, layout: Layout, batch_size: int = 1) -> dict[str, Any]:
    """Pack a graph and its drawing.

    Parameters
    ----------
    graph : LayerGraph
    layout : Layout
        Of the same graph.
    batch_size : int
        For the bytes of the tensors.

    Returns
    -------
    dict
        JSON, but for ``"geometry"``: little-endian float32 x and y of the box centres, int32 start of each route,
        float32 points of the routes.
    """
    kinds, dtypes = _Index(), _Index()
    tensors = list(graph.tensors.values())
    number = {tensor.name: i for i, tensor in enumerate(tensors)}
    return {
        "version": VERSION,
        "model": {"name": graph.name, "params": graph.params},
        "calls": {
            "name": list(graph.names),
            "kind": [kinds[call.kind] for call in graph],
            "params": [call.params for call in graph],
            "input": [int(call.is_input) for call in graph],
            "first_tensor": [number[call.outputs[0].name] for call in graph],
        },
        "tensors": {
            "name": [tensor.name for tensor in tensors],
            "call": [graph.number[tensor.call] for tensor in tensors],
            "shape": [list(tensor.shape) for tensor in tensors],
            "dtype": [dtypes[tensor.dtype] for tensor in tensors],
            "nbytes": [tensor.nbytes(batch_size) for tensor in tensors],
        },
        "kinds": kinds.values,
        "dtypes": dtypes.values,
        "edges": _edges(graph, number),
        "candidates": [graph.number[cut.points[0]] for cut in cut_candidates(graph)],
        "outputs": [number[name] for name in graph.outputs],
        "size": list(layout.size),
        "bounds": list(layout.bounds),
        "geometry": _geometry(layout),
    }


def cut_row(cut: Cut, sentence: str, batch_size: int = 1) -> dict[str, Any]:
    """Pack a cut, placed or only previewed.

    Parameters
    ----------
    cut : Cut
    sentence : str
        What to say about it.
    batch_size : int

    Returns
    -------
    dict
    """
    number = {name: i for i, name in enumerate(cut.graph.tensors)}
    return {
        "points": list(cut.points),
        "tensors": [number[name] for name in cut.tensors],
        "nbytes": cut.nbytes(batch_size),
        "candidate": cut.is_candidate,
        "inputs_also_needed": [number[name] for name in cut.inputs_also_needed],
        "sentence": sentence,
    }


def placed(editor: Editor, variables: Sequence[str], batch_size: int = 1) -> dict[str, Any]:
    """Pack the cuts that are placed and the parts they make.

    Parameters
    ----------
    editor : Editor
    variables : sequence of str
        Names of the parts' variables, as far as the person has given them.
    batch_size : int

    Returns
    -------
    dict
    """
    graph, cuts = editor.graph, editor.cuts
    part_of = np.zeros(len(graph), dtype=int)
    for cut in cuts:
        part_of += [n not in cut.head for n in range(len(graph))]
    wires = wire_parts(graph, [cut.head for cut in cuts])
    return {
        "cuts": [cut_row(cut, cut.describe(batch_size), batch_size) for cut in cuts],
        "part_of": part_of.tolist(),
        "parts": [_part_row(graph, wire, _variable(variables, i)) for i, wire in enumerate(wires)],
        "can_undo": editor.can_undo,
        "can_redo": editor.can_redo,
    }


def result(code: str, variables: Iterable[str], verification: Any = None) -> dict[str, Any]:
    """Pack what a split gave: the code, the variables, and the proof once there is one."""
    proof = None
    if verification is not None:
        proof = {
            "ok": verification.ok,
            "sentence": verification.sentence(),
            "rows": [[check.name, check.ok, check.detail] for check in verification.checks],
        }
    return {"code": code, "variables": list(variables), "verification": proof}


class _Index:
    """Numbers values in the order in which they are first seen."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __getitem__(self, value: str) -> int:
        return self._numbers.setdefault(value, len(self._numbers))

    @property
    def values(self) -> list[str]:
        return list(self._numbers)


def _edges(graph: LayerGraph, number: dict[str, int]) -> dict[str, list[Any]]:
    """One row for each pair of calls, in the order of the layout's routes, with the tensors between them."""
    carried: dict[tuple[int, int], list[int]] = {
        (source, target): [] for source in range(len(graph)) for target in graph.successors[source]
    }
    for target, call in enumerate(graph.calls):
        for name in call.inputs:
            carried[graph.number[graph.tensors[name].call], target].append(number[name])
    return {
        "source": [source for source, _ in carried],
        "target": [target for _, target in carried],
        "tensors": list(carried.values()),
    }


def _geometry(layout: Layout) -> bytes:
    columns = (
        (layout.x, "<f4"),
        (layout.y, "<f4"),
        (layout.route_start, "<i4"),
        (layout.points, "<f4"),
    )
    return b"".join(np.ascontiguousarray(column, dtype=dtype).tobytes() for column, dtype in columns)


def _variable(variables: Sequence[str], i: int) -> str:
    return variables[i] if i < len(variables) else f"part_{i + 1}"


def _part_row(graph: LayerGraph, wire: Wire, variable: str) -> dict[str, Any]:
    calls = [graph.calls[n] for n in wire.calls]
    return {
        "variable": variable,
        "calls": len(calls),
        "params": sum({call.layer: call.params for call in calls}.values()),
        "needs": [_signature(graph, name) for name in wire.takes],
        "returns": [_signature(graph, name) for name in wire.returns],
    }


def _signature(graph: LayerGraph, name: str) -> str:
    tensor = graph.tensors.get(name)
    return name if tensor is None else f"{name} {shape_text(tensor.shape)}"
