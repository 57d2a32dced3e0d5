"""What a proof is: checks, each with its figures."""

from __future__ import annotations

import html
from dataclasses import dataclass

from kerassplit_widget.structure.text import listed

__all__ = ["INPUTS", "Check", "Verification"]

INPUTS = "inputs"
"""Name of the check that is there where the inputs had to be others than usual, and says which."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a proof.

    Attributes
    ----------
    name : str
        What was checked.
    ok : bool
        Whether it holds.
    detail : str
        The figures.
    """

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The proof that parts and model are the same.

    Attributes
    ----------
    checks : tuple of Check
    max_abs_diff : float
        Largest absolute difference between the outputs of the model and of the chained parts, eager.
    inputs : int
        On how many inputs they were compared.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2, name="b")])
    >>> proof = ks.split(model, ["a"]).verify()
    >>> proof.ok, proof.exact, proof.sentence()
    (True, True, 'parts = model, exact on 3 inputs; weights shared; model untouched')
    """

    checks: tuple[Check, ...]
    max_abs_diff: float
    inputs: int

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return all(check.ok for check in self.checks)

    @property
    def exact(self) -> bool:
        """Whether the chained parts gave the very same numbers."""
        return self.max_abs_diff == 0.0

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if not self.ok:
            failed: dict[str, list[str]] = {}
            for check in self.checks:
                if not check.ok:
                    failed.setdefault(check.detail, []).append(check.name)
            return f"Not proved: {'; '.join(f'{listed(names)}: {why}' for why, names in failed.items())}."
        equal = "exact" if self.exact else f"within {self.max_abs_diff:.1e}"
        many = f"{self.inputs} inputs" if self.inputs != 1 else "1 input"
        many += "".join(f" ({c.detail.partition(',')[0]})" for c in self.checks if c.name == INPUTS)
        weights = next(c.name for c in self.checks if c.name.startswith("weights"))
        return f"parts = model, {equal} on {many}; {weights}; model untouched"

    def __repr__(self) -> str:
        width = max(len(check.name) for check in self.checks)
        lines = [f"{'ok ' if c.ok else 'NOT'} {c.name:<{width}}  {c.detail}" for c in self.checks]
        return "\n".join([self.sentence(), *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{'✓' if c.ok else '✗'}</td><td style='text-align:left'>{html.escape(c.name)}</td>"
            f"<td style='text-align:left'>{html.escape(c.detail)}</td></tr>"
            for c in self.checks
        )
        return f"<p>{html.escape(self.sentence())}</p><table>{rows}</table>"
