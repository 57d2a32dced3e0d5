"""The cuts a person is placing: toggled one at a time, always nested, with undo."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kerassplit_widget.errors import SplitError
from kerassplit_widget.structure.cuts import Cut, cut_at, find_call, nest
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.text import listed

__all__ = ["Editor"]


class Editor:
    """The cuts placed on a graph and the way back.

    Attributes
    ----------
    graph : LayerGraph
    cuts : list of Cut
        Nested, in the order of the parts.
    """

    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        self.cuts: list[Cut] = []
        self._undo: list[list[Cut]] = []
        self._redo: list[list[Cut]] = []

    @property
    def points(self) -> list[list[str]]:
        """The points of each cut: what the trait ``cuts`` and the generated code hold."""
        return [list(cut.points) for cut in self.cuts]

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        """Whether a step has been taken back."""
        return bool(self._redo)

    def place(self, cuts: Iterable[Sequence[str]]) -> None:
        """Replace all cuts.

        Parameters
        ----------
        cuts : iterable of sequences of str
            The points of each.

        Raises
        ------
        PointError, CutError
            As `cut_at`; the cuts then stay as they were.
        """
        self._change(nest(cut_at(self.graph, *points) for points in cuts))

    def toggle(self, call: str) -> str:
        """Cut after a call, or take the cut after it away.

        Parameters
        ----------
        call : str

        Returns
        -------
        str
            One sentence: what was done.

        Raises
        ------
        PointError, CutError
            As `cut_at`; the cuts then stay as they were.
        """
        name = find_call(self.graph, call)
        at = self.cut_with(name)
        if at is not None:
            points = [point for point in self.cuts[at].points if point != name]
            replaced = [cut_at(self.graph, *points)] if points else []
            self._change(nest([*self.cuts[:at], *replaced, *self.cuts[at + 1 :]]))
            return f"Removed the cut after {name}."
        cut = cut_at(self.graph, name)
        twin = next((other for other in self.cuts if other.head == cut.head), None)
        if twin is not None:
            return f"The cut after {listed(twin.points)} already divides the model there."
        self._change(nest([*self.cuts, cut]))
        return cut.describe()

    def remove(self, index: int) -> str:
        """Take the cut of this number away, counting from 0; returns one sentence."""
        if not 0 <= index < len(self.cuts):
            raise SplitError(f"There is no cut number {index}; {len(self.cuts)} cuts are placed.")
        gone = self.cuts[index]
        self._change([cut for cut in self.cuts if cut is not gone])
        return f"Removed the cut after {listed(gone.points)}."

    def undo(self) -> str:
        """Take back the last step; returns one sentence."""
        return self._step(self._undo, self._redo, "undo")

    def redo(self) -> str:
        """Do again what was taken back; returns one sentence."""
        return self._step(self._redo, self._undo, "redo")

    def cut_with(self, call: str) -> int | None:
        """Return the number of the first placed cut that has a call among its points, or None."""
        return next((i for i, cut in enumerate(self.cuts) if call in cut.points), None)

    def _change(self, cuts: list[Cut]) -> None:
        if cuts != self.cuts:
            self._undo.append(self.cuts)
            self._redo.clear()
            self.cuts = cuts

    def _step(self, source: list[list[Cut]], target: list[list[Cut]], verb: str) -> str:
        if not source:
            return f"There is nothing to {verb}."
        target.append(self.cuts)
        self.cuts = source.pop()
        count = len(self.cuts)
        return f"{count} cut{'' if count == 1 else 's'} placed."
