"""A piece of a graph by itself, with what comes into it from outside."""

from __future__ import annotations

from dataclasses import replace

from kerassplit_widget.errors import SplitError
from kerassplit_widget.structure.cuts import find_call
from kerassplit_widget.structure.graph import Call, LayerGraph

__all__ = ["piece"]


def piece(graph: LayerGraph, first: str | None, last: str | None) -> tuple[LayerGraph, frozenset[str]]:
    """Take the calls that lie on the way from one call to another.

    Parameters
    ----------
    graph : LayerGraph
    first, last : str or None
        Names of calls or tensors; None: from the model's inputs, or to its outputs.

    Returns
    -------
    tuple of (LayerGraph, frozenset of str)
        The piece, with the calls outside whose tensors are read in it as its inputs; and the names of these.

    Raises
    ------
    PointError
        If a name is not in the graph.
    SplitError
        If no way leads from the one to the other.

    Examples
    --------
    >>> from kerassplit_widget.structure.graph import Tensor
    >>> calls = tuple(
    ...     Call(
    ...         f"c{i}", "Dense", f"c{i}", (f"c{i - 1}",) * bool(i), (Tensor(f"c{i}", f"c{i}", 0, (1,), "bool"),),
    ...         is_input=i == 0)
    ...     for i in range(6))
    >>> found, outside = piece(LayerGraph("chain", calls, ("c0",), ("c5",)), "c2", "c4")
    >>> found.names, outside
    (('c1', 'c2', 'c3', 'c4'), frozenset({'c1'}))
    """
    begin = None if first is None else graph.number[find_call(graph, first)]
    end = None if last is None else graph.number[find_call(graph, last)]
    chosen = set(range(len(graph)))
    if begin is not None:
        chosen &= graph.reachable([begin]) | {begin}
    if end is not None:
        chosen &= graph.reachable([end], backwards=True) | {end}
    if not chosen:
        raise SplitError(
            f"No way leads from {first!r} to {last!r} in the model {graph.name!r}: only= is a pair of calls, of which "
            "the second is computed from the first."
        )
    read = {name for n in chosen for name in graph.calls[n].inputs}
    outside = {graph.number[graph.tensors[name].call] for name in read} - chosen
    calls = [_stub(graph.calls[n], read) if n in outside else graph.calls[n] for n in sorted(chosen | outside)]
    made = {tensor.name for call in calls for tensor in call.outputs}
    ghosts = frozenset(graph.names[n] for n in outside)
    inputs = tuple(tensor.name for call in calls if call.is_input for tensor in call.outputs)
    outputs = tuple(name for name in graph.outputs if name in made and graph.tensors[name].call not in ghosts)
    return replace(graph, calls=tuple(calls), inputs=inputs, outputs=outputs), ghosts


def _stub(call: Call, read: set[str]) -> Call:
    """Stand for a call outside: it is there, and computes nothing."""
    outputs = tuple(tensor for tensor in call.outputs if tensor.name in read)
    return replace(call, inputs=(), masked=(), outputs=outputs, is_input=True, params=0)
