"""What each call of a model costs: parameters, bytes, multiply-adds and floating-point operations.

Pure data; `models.counting` fills it. Unknown is None everywhere, and never 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kerassplit_widget.errors import PointError, closest
from kerassplit_widget.structure.tables import html_table, text_table
from kerassplit_widget.structure.text import bytes_text, count_text, listed

__all__ = ["CallCosts", "CostTable"]

SHOWN = 24
"""Rows of a table that are shown at most; of a longer one, the first and the last half of so many."""

COLUMNS = ("name", "kind", "layer", "params", "param_bytes", "output_bytes", "macs", "flops", "tied_to", "why")


@dataclass(frozen=True, slots=True)
class CallCosts:
    """What one call costs.

    Attributes
    ----------
    name, kind, layer : str
        As in `Call`.
    params : int
        Number of parameters; 0 if an earlier call has them already, see ``tied_to``.
    param_bytes : int or None
        Bytes of these parameters, by the dtypes of the variables.
    output_bytes : int or None
        Bytes of all tensors that the call makes, for the batch.
    macs : int or None
        Multiply-adds, for the batch.
    flops : int or None
        Floating-point operations, for the batch.
    tied_to : str or None
        The first call that has the parameters which this call shares.
    why : str
        Why something is unknown; empty when nothing is.
    """

    name: str
    kind: str
    layer: str
    params: int = 0
    param_bytes: int | None = 0
    output_bytes: int | None = 0
    macs: int | None = 0
    flops: int | None = 0
    tied_to: str | None = None
    why: str = ""


@dataclass(frozen=True)
class CostTable:
    """The costs of all calls of a model, in topological order: the rows of ``read(model)``, one by one.

    Attributes
    ----------
    model : str
        The model's name.
    rows : tuple of CallCosts
    batch_size : int
        What the bytes and operations are for: what was asked for, or the one batch size that the model takes.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> x = keras.Input((8,), name="x")
    >>> table = ks.costs(keras.Model(x, keras.layers.Dense(2, name="d")(x)))
    >>> table["d"].macs, table.total_flops, table.unknown
    (16, 34, ())
    """

    model: str
    rows: tuple[CallCosts, ...]
    batch_size: int = 1

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[CallCosts]:
        return iter(self.rows)

    def __contains__(self, name: object) -> bool:
        return name in self._number

    def __getitem__(self, name: str) -> CallCosts:
        if name not in self._number:
            raise PointError(f"No call of {self.model!r} is named {name!r}. {closest(str(name), self._number)}")
        return self.rows[self._number[name]]

    @cached_property
    def _number(self) -> dict[str, int]:
        return {row.name: i for i, row in enumerate(self.rows)}

    @property
    def total_params(self) -> int:
        """Number of parameters of the model, each counted once."""
        return sum(row.params for row in self.rows)

    @property
    def total_param_bytes(self) -> int | None:
        """Bytes of the parameters; None if those of a row are unknown."""
        return _total([row.param_bytes for row in self.rows])

    @property
    def total_macs(self) -> int | None:
        """Multiply-adds; None if those of a row are unknown."""
        return _total([row.macs for row in self.rows])

    @property
    def total_flops(self) -> int | None:
        """Floating-point operations; None if those of a row are unknown."""
        return _total([row.flops for row in self.rows])

    @property
    def unknown(self) -> tuple[str, ...]:
        """Names of the calls whose FLOPs are unknown; their rows say why."""
        return tuple(row.name for row in self.rows if row.flops is None)

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns, for ``pandas.DataFrame(table.to_dict())``.

        Examples
        --------
        >>> import keras
        >>> import kerassplit_widget as ks
        >>> x = keras.Input((8,), name="x")
        >>> ks.costs(keras.Model(x, keras.layers.Dense(2, name="d")(x))).to_dict()["name"]
        ['x', 'd']
        """
        return {column: [getattr(row, column) for row in self.rows] for column in COLUMNS}

    def sentence(self) -> str:
        """Say the totals in one sentence."""
        work = f"{_count(self.total_macs)} MACs, {_count(self.total_flops)} FLOPs"
        if self.unknown:
            known = count_text(sum(row.flops or 0 for row in self.rows))
            names = listed(self.unknown) if len(self.unknown) <= 3 else f"{len(self.unknown)} calls"
            work = f"at least {known} FLOPs; unknown: {names}"
        batch = "" if self.batch_size == 1 else f" for a batch of {self.batch_size}"
        size = bytes_text(self.total_param_bytes)
        return f"{self.model}: {len(self)} calls, {count_text(self.total_params)} parameters ({size}), {work}{batch}"

    def _note(self) -> str:
        """Say why the first work that is unknown is so, and thus what helps."""
        reasons = [(row.name, row.why) for row in self.rows if row.flops is None and row.why]
        if not reasons:
            return ""
        name, why = reasons[0]
        others = " Other calls have other reasons, in their .why." if len({each for _, each in reasons}) > 1 else ""
        return f"The work of {name} is unknown: {why}.{others}"

    def _table(self) -> dict[str, Any]:
        total = (
            "total",
            "",
            count_text(self.total_params),
            bytes_text(self.total_param_bytes),
            "",
            _count(self.total_macs),
            _count(self.total_flops),
        )
        rows = [_cells(row) for row in _abbreviated(self.rows)]
        words = {"sentence": self.sentence(), "note": self._note()}
        return {"headers": HEADERS, "rows": rows, "left": 2, "total": total, **words}

    def __repr__(self) -> str:
        return text_table(**self._table())

    def _repr_html_(self) -> str:
        return html_table(**self._table())


HEADERS = ("call", "kind", "parameters", "their bytes", "output bytes", "MACs", "FLOPs")


def _total(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _count(count: int | None) -> str:
    return "unknown" if count is None else count_text(count)


def _abbreviated(rows: Sequence[CallCosts]) -> list[CallCosts | None]:
    """Leave out the middle of a long table; None stands for it."""
    if len(rows) <= SHOWN:
        return list(rows)
    return [*rows[: SHOWN // 2], None, *rows[-(SHOWN // 2) :]]


def _cells(row: CallCosts | None) -> tuple[str, ...]:
    if row is None:
        return ("…", "", "", "", "", "", "")
    params = f"tied to {row.tied_to}" if row.tied_to is not None and row.params == 0 else count_text(row.params)
    return (
        row.name,
        row.kind,
        params,
        bytes_text(row.param_bytes),
        bytes_text(row.output_bytes),
        _count(row.macs),
        _count(row.flops),
    )
