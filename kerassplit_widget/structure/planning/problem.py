"""The planning problem as plain numbers: calls, tensors, weights, links, and what a plan has to keep to."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kerassplit_widget.errors import PlanError

__all__ = ["Activations", "Floats", "Flow", "Problem", "Raw", "Weight", "one_of"]

Floats = npt.NDArray[np.float64]
MOST_RELATED = 4000
"""Calls up to which it is worth knowing which come before which: the table has that number squared."""
Activations = str
"""How activations count in memory: ``"none"``, ``"peak"`` or ``"sum"``."""


class Flow(NamedTuple):
    """A tensor: the call that makes it, its size in bytes, and the calls that read it."""

    maker: int
    size: float
    readers: tuple[int, ...]


class Weight(NamedTuple):
    """The weights of a layer: their size in bytes and the calls that need them."""

    size: float
    calls: tuple[int, ...]


class Raw(NamedTuple):
    """A raw model input: its size in bytes and the calls that read it."""

    size: float
    readers: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be divided, and what a plan has to keep to.

    A *plan* divides the calls into ordered stages such that no tensor flows backwards. A *head* is a set of calls
    that holds all makers of what its calls read: everything before a cut.

    Attributes
    ----------
    cost : array of float, shape (n,)
        Load of each call, in seconds; the calls come in topological order.
    tensors : tuple of `Flow`
        The computed tensors. Each is paid once on each side, however many calls read it.
    weights : tuple of `Weight`
        Bytes of each layer's weights. Weights that several calls share count once in each stage that has any of them.
    raw : tuple of `Raw`
        The raw model inputs. They are free but for `latency`, where the server's share has to be sent.
    bandwidth : float
        Of each link, in bytes per second; infinity makes communication free.
    wiring : {"direct", "relay"}
        Direct: a tensor goes from its maker's stage to each stage that reads it. Relay: it goes from stage to stage
        and is received and sent by those it passes over.
    hop : float
        Seconds added to each stage that receives anything.
    together : tuple of frozenset of int
        Calls of one set must be in one stage.
    pinned : tuple of frozenset of int
        Heads that must be among the cuts.
    forbidden : tuple of frozenset of int
        Heads that must not be among the cuts.
    single_tensor : bool
        Whether exactly one tensor has to cross at each cut.

    Raises
    ------
    PlanError
        If a number is negative or not a number, a tensor flows backwards, a call does not exist, or a pinned set is
        no head.

    Examples
    --------
    >>> problem = Problem([1.0, 2.0, 3.0], [(0, 100, (1, 2)), (1, 10, (2,))], bandwidth=100)
    >>> problem.n, problem.predecessors
    (3, ((), (0,), (0, 1)))
    """

    cost: Floats
    tensors: Sequence[Flow] = ()
    weights: Sequence[Weight] = ()
    raw: Sequence[Raw] = ()
    bandwidth: float = math.inf
    wiring: str = "direct"
    hop: float = 0.0
    together: Sequence[frozenset[int]] = field(default=(), kw_only=True)
    pinned: Sequence[frozenset[int]] = field(default=(), kw_only=True)
    forbidden: Sequence[frozenset[int]] = field(default=(), kw_only=True)
    single_tensor: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        cost = np.array(self.cost, dtype=np.float64)
        cost.flags.writeable = False
        settled = {
            "cost": cost,
            "tensors": tuple(Flow(t[0], float(t[1]), tuple(sorted(set(t[2])))) for t in self.tensors),
            "weights": tuple(Weight(float(size), tuple(sorted(set(calls)))) for size, calls in self.weights),
            "raw": tuple(Raw(float(size), tuple(sorted(set(readers)))) for size, readers in self.raw),
            **{name: tuple(map(frozenset, getattr(self, name))) for name in ("together", "pinned", "forbidden")},
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)
        _check_numbers(self)
        _check_calls(self)
        _check_heads(self)

    @property
    def n(self) -> int:
        """Number of calls."""
        return len(self.cost)

    @cached_property
    def predecessors(self) -> tuple[tuple[int, ...], ...]:
        """For each call the makers of what it reads, each once, ascending."""
        sets: list[set[int]] = [set() for _ in range(self.n)]
        for maker, _, readers in self.tensors:
            for reader in readers:
                sets[reader].add(maker)
        return tuple(tuple(sorted(makers)) for makers in sets)

    @cached_property
    def successors(self) -> tuple[tuple[int, ...], ...]:
        """For each call the readers of what it makes, each once, ascending."""
        lists: list[list[int]] = [[] for _ in range(self.n)]
        for reader, makers in enumerate(self.predecessors):
            for maker in makers:
                lists[maker].append(reader)
        return tuple(map(tuple, lists))

    @cached_property
    def _above(self) -> npt.NDArray[np.bool_]:
        """Whether call `u` is call `v` or has to come before it, shape (v, u)."""
        above = np.eye(self.n, dtype=bool)
        for call, makers in enumerate(self.predecessors):
            above[call] |= above[list(makers)].any(axis=0)
        return above

    def before(self, values: Floats) -> Floats:
        """Sum a value over each call and all that has to come before it; at least over the call."""
        sums: Floats = self._above @ values if self.n <= MOST_RELATED else values
        return sums

    def behind(self, values: Floats) -> Floats:
        """Sum a value over each call and all that has to come behind it; at least over the call."""
        sums: Floats = self._above.T @ values if self.n <= MOST_RELATED else values
        return sums

    @cached_property
    def seconds(self) -> Floats:
        """Time that each tensor takes on a link, shape (tensors,)."""
        return np.array([size for _, size, _ in self.tensors]) / self.bandwidth


def one_of(what: str, value: str, known: Iterable[str]) -> str:
    """Return `value` if it is one of the known ones, else raise a `PlanError` that names the closest."""
    names = tuple(known)
    if value in names:
        return value
    near = difflib.get_close_matches(str(value).casefold(), names, n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]!r}?" if near else f"Choose one of {', '.join(map(repr, names))}."
    raise PlanError(f"There is no {what} {value!r}. {hint}")


def _check_numbers(problem: Problem) -> None:
    if problem.cost.ndim != 1 or not problem.n:
        raise PlanError("There is nothing to plan: a part has to have at least one call, and there is none.")
    bad = np.flatnonzero(~(np.isfinite(problem.cost) & (problem.cost >= 0)))
    if len(bad):
        raise PlanError(f"Call {bad[0]} costs {problem.cost[bad[0]]:g}: a cost is a finite number, at least 0.")
    for what, sizes in (
        ("tensor", [t.size for t in problem.tensors]),
        ("weight", [w.size for w in problem.weights]),
        ("raw input", [r.size for r in problem.raw]),
    ):
        for i, size in enumerate(sizes):
            if not (math.isfinite(size) and size >= 0):
                raise PlanError(f"The size of {what} {i} is {size:g}: a size in bytes is a finite number, at least 0.")
    if not problem.bandwidth > 0:  # also refuses NaN
        raise PlanError(f"The bandwidth is {problem.bandwidth:g}: give bytes per second, more than 0.")
    if not (math.isfinite(problem.hop) and problem.hop >= 0):
        raise PlanError(f"The time of a hop is {problem.hop:g}: give finite seconds, at least 0.")
    one_of("wiring", problem.wiring, ("direct", "relay"))


def _check_calls(problem: Problem) -> None:
    named: list[tuple[str, Iterable[int]]] = []
    named += [(f"Tensor {i}", (t.maker, *t.readers)) for i, t in enumerate(problem.tensors)]
    named += [(f"Weight {i}", w.calls) for i, w in enumerate(problem.weights)]
    named += [(f"Raw input {i}", r.readers) for i, r in enumerate(problem.raw)]
    for option in ("together", "pinned", "forbidden"):
        named += [(f"The set {i} of {option}", calls) for i, calls in enumerate(getattr(problem, option))]
    for what, calls in named:
        for call in calls:
            if not 0 <= call < problem.n:
                raise PlanError(f"{what} names call {call}, but the calls are 0 to {problem.n - 1}.")
    for i, (maker, _, readers) in enumerate(problem.tensors):
        if readers and readers[0] <= maker:
            raise PlanError(
                f"Tensor {i} is made by call {maker} and read by call {readers[0]}: the calls must come in "
                "topological order, every maker before its readers."
            )


def _check_heads(problem: Problem) -> None:
    heads = sorted(set(problem.pinned), key=len)
    for head in heads:
        if not 0 < len(head) < problem.n:
            raise PlanError("A pinned cut has an empty side: pin a head with some of the calls, not none and not all.")
        if head in problem.forbidden:
            raise PlanError(f"The cut after {_some(head)} is pinned and forbidden: choose one.")
        for call in sorted(head):
            for maker in problem.predecessors[call]:
                if maker not in head:
                    raise PlanError(
                        f"The pinned head {_some(head)} is no head: call {call} reads what call {maker} makes, which "
                        "is not in it. Add the makers of everything it reads."
                    )
        crossing = sum(tensor.maker in head and not head.issuperset(tensor.readers) for tensor in problem.tensors)
        if problem.single_tensor and crossing != 1:
            raise PlanError(
                f"{crossing} tensors cross at the pinned cut after {_some(head)}, but a single tensor is to cross at "
                "each cut: drop one wish."
            )
        for group in problem.together:
            if group & head and not group <= head:
                raise PlanError(f"The pinned cut after {_some(head)} divides {_some(group)}, which must stay together.")
    for first, second in pairwise(heads):
        if not first <= second:
            raise PlanError(
                f"The pinned cuts after {_some(first)} and {_some(second)} cross: of two pinned heads one must "
                "contain the other."
            )


def _some(calls: Iterable[int]) -> str:
    """Write a set of calls, shortened."""
    numbers = sorted(calls)
    return f"calls {', '.join(map(str, numbers[:6]))}{', ...' if len(numbers) > 6 else ''}"
