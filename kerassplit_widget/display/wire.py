"""The payload that the front end draws: the only owner of its format and its version.

Columnar JSON with one binary buffer. The other end is `js/src/protocol.ts`; `tests/data/payload_v2.json` is written by
the tests of this module and read by the tests of the other, so that the two cannot drift apart.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from kerassplit_widget.display.editing import Editor
from kerassplit_widget.display.viewing import Scene, framed
from kerassplit_widget.models.planning import Plan
from kerassplit_widget.structure.costs import CostTable
from kerassplit_widget.structure.cuts import Cut, cut_candidates
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.layout import Layout
from kerassplit_widget.structure.layout.frames import outlines
from kerassplit_widget.structure.text import shape_text
from kerassplit_widget.structure.wiring import Wire, wire_parts

__all__ = ["VERSION", "as_text", "costs", "cut_row", "model", "placed", "plan", "result", "tensor_numbers", "view"]

VERSION = 2

_KINDS = ("call", "block", "repeat", "group")
"""The kinds of boxes, by the number that is sent."""


def as_text(value: dict[str, Any], _: object = None) -> str | dict[str, Any]:
    """Write a payload as JSON text: a notebook that keeps it would write a line for each number."""
    if "geometry" not in value:
        return json.dumps(value, separators=(",", ":"))
    rest = {key: each for key, each in value.items() if key != "geometry"}
    return {"json": json.dumps(rest, separators=(",", ":")), "geometry": value["geometry"]}


def model(graph: LayerGraph, batch_size: int = 1) -> dict[str, Any]:
    """Pack a graph: what is the same however it is looked at.

    Parameters
    ----------
    graph : LayerGraph
    batch_size : int
        For the bytes of the tensors.

    Returns
    -------
    dict
        JSON.
    """
    kinds, dtypes = _Index(), _Index()
    tensors = list(graph.tensors.values())
    number = {tensor.name: i for i, tensor in enumerate(tensors)}
    first: dict[str, int] = {}
    return {
        "version": VERSION,
        "model": {"name": graph.name, "params": graph.params, "macs": None},
        "calls": {
            "name": list(graph.names),
            "kind": [kinds[call.kind] for call in graph],
            "params": [call.params for call in graph],
            "input": [int(call.is_input) for call in graph],
            "first_tensor": [number[call.outputs[0].name] for call in graph],
            "tied": [-1 if (n := first.setdefault(call.layer, i)) == i else n for i, call in enumerate(graph)],
        },
        "tensors": {
            "name": [tensor.name for tensor in tensors],
            "call": [graph.number[tensor.call] for tensor in tensors],
            "shape": [list(tensor.shape) for tensor in tensors],
            "dtype": [dtypes[tensor.dtype] for tensor in tensors],
            "nbytes": [tensor.nbytes(batch_size) for tensor in tensors],
            "mask": [int(tensor.mask is not None) for tensor in tensors],
        },
        "kinds": kinds.values,
        "dtypes": dtypes.values,
        "edges": _edges(graph, number),
        "candidates": [graph.number[cut.points[0]] for cut in cut_candidates(graph)],
        "outputs": [number[name] for name in graph.outputs],
    }


def view(graph: LayerGraph, scene: Scene, openable: Collection[str] = ()) -> dict[str, Any]:
    """Pack what is seen of a graph, and where.

    Parameters
    ----------
    graph : LayerGraph
    scene : Scene
    openable : collection of str
        Calls that are groups and may be opened.

    Returns
    -------
    dict
        JSON, but for ``"geometry"``: little-endian float32 x and y of the box centres, float32 widths and heights,
        int32 start of each route, float32 points of the routes.
    """
    seen, layout = scene.view, scene.layout
    number = tensor_numbers(graph)
    return {
        "depth": scene.depth,
        "boxes": {
            "id": [box.name for box in seen.boxes],
            "title": [box.title for box in seen.boxes],
            "kind": [_KINDS.index(box.kind) for box in seen.boxes],
            "count": [box.count for box in seen.boxes],
            "openable": [int(bool(box.children) or box.name in openable) for box in seen.boxes],
            "exits": [list(exits) for exits in seen.exits],
        },
        "box_of": seen.box_of.tolist(),
        "edges": {
            "source": seen.sources.tolist(),
            "target": seen.targets.tolist(),
            "tensors": [[number[name] for name in names] for names in seen.tensors],
        },
        "frames": _frames(scene),
        "bounds": list(layout.bounds),
        "direction": layout.direction,
        "geometry": _geometry(layout),
    }


def _frames(scene: Scene) -> list[dict[str, Any]]:
    """Pack the open folds that can be outlined: those whose outline holds nothing else."""
    frames = framed(scene.depth, scene.view)
    rects = outlines(scene.layout, [frame.boxes for frame in frames])
    return [
        {
            "id": frame.fold.name,
            "title": frame.fold.title,
            "kind": _KINDS.index(frame.fold.kind),
            "count": frame.fold.count,
            "boxes": list(frame.boxes),
            "level": frame.depth,
            "rect": list(rect),
        }
        for frame, rect in zip(frames, rects, strict=True)
        if rect is not None
    ]


def costs(table: CostTable, milliseconds: Sequence[float | None] | None = None) -> dict[str, Any]:
    """Pack the costs of the calls, None where unknown."""
    return {
        "macs": [row.macs for row in table],
        "flops": [row.flops for row in table],
        "bytes": [row.output_bytes for row in table],
        "ms": None if milliseconds is None else list(milliseconds),
    }


def cut_row(cut: Cut, sentence: str, batch_size: int = 1, numbers: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Pack a cut, placed or only previewed.

    Parameters
    ----------
    cut : Cut
    sentence : str
        What to say about it.
    batch_size : int
    numbers : mapping of str to int, optional
        From the names of the graph's tensors to their places, if they are at hand.

    Returns
    -------
    dict
    """
    number = tensor_numbers(cut.graph) if numbers is None else numbers
    return {
        "points": list(cut.points),
        "tensors": [number[name] for name in cut.tensors],
        "nbytes": cut.nbytes(batch_size),
        "candidate": cut.is_candidate,
        "inputs_also_needed": [number[name] for name in cut.inputs_also_needed],
        "sentence": sentence,
    }


def tensor_numbers(graph: LayerGraph) -> dict[str, int]:
    """Give each tensor the number by which the payload knows it."""
    return {name: i for i, name in enumerate(graph.tensors)}


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
        "parts": [
            _part_row(graph, wire, _variable(variables, i), int((part_of == i).sum())) for i, wire in enumerate(wires)
        ],
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


def plan(found: Plan, front: Iterable[tuple[float, float, Cut]] = ()) -> dict[str, Any]:
    """Pack a plan and cuts in two of which none has both fewer crossing bytes and a smaller imbalance than another."""
    return {
        "sentence": found.sentence(),
        "value": found.value,
        "bound": found.bound,
        "gap": found.gap,
        "proved": found.proved,
        "stages": [
            {
                "part": stage.part,
                "calls": stage.calls,
                "params": stage.params,
                "flops": stage.flops,
                "compute": stage.compute,
                "received": stage.received,
                "sent": stage.sent,
                "load": stage.memory if found.unit == "bytes" else stage.load,
            }
            for stage in found.stages
        ],
        "front": [
            {"bytes": crossing, "imbalance": imbalance, "points": list(cut.points)}
            for crossing, imbalance, cut in front
        ],
    }


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
    """One row for each pair of calls, with the tensors between them."""
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
        (layout.sizes[:, 0], "<f4"),
        (layout.sizes[:, 1], "<f4"),
        (layout.route_start, "<i4"),
        (layout.points, "<f4"),
    )
    return b"".join(np.ascontiguousarray(column, dtype=dtype).tobytes() for column, dtype in columns)


def _variable(variables: Sequence[str], i: int) -> str:
    return variables[i] if i < len(variables) else f"part_{i + 1}"


def _part_row(graph: LayerGraph, wire: Wire, variable: str, count: int) -> dict[str, Any]:
    """Pack a part; `count` is of its calls, with the raw inputs that it is the first to compute with."""
    calls = [graph.calls[n] for n in wire.calls]
    return {
        "variable": variable,
        "calls": count,
        "params": sum({call.layer: call.params for call in calls}.values()),
        "needs": [_signature(graph, name) for name in wire.takes],
        "returns": [_signature(graph, name) for name in wire.returns],
    }


def _signature(graph: LayerGraph, name: str) -> str:
    tensor = graph.tensors.get(name)
    return name if tensor is None else f"{name} {shape_text(tensor.shape)}"
