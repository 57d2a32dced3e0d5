"""The cuts a person is placing: toggled one at a time, always nested, with undo."""

from __future__ import annotations

from collections.abc import Sequence

from kerassplit_widget.errors import SplitError
from kerassplit_widget.structure.cuts import Cut, cut_at, find_call
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.nesting import nest
from kerassplit_widget.structure.text import bytes_text, listed, plural

__all__ = ["ALL_REMOVED", "Editor"]

ALL_REMOVED = "All cuts are removed."


class Editor:
    """The cuts placed on a graph and the way back.

    Attributes
    ----------
    graph : LayerGraph
    batch_size : int
        For the bytes in its sentences.
    cuts : list of Cut
        Nested, in the order of the parts.
    """

    def __init__(self, graph: LayerGraph, batch_size: int = 1) -> None:
        self.graph, self.batch_size = graph, batch_size
        self.cuts: list[Cut] = []
        self._undo: list[list[Cut]] = []
        self._redo: list[list[Cut]] = []
        self._following = False

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

    def place_cuts(self, cuts: Sequence[Cut], *, following: bool = False) -> None:
        """Replace all cuts by nested ones of this graph.

        Parameters
        ----------
        cuts : sequence of Cut
        following : bool
            They follow a slider: of many such steps in a row, undo takes back all at once.
        """
        before = len(self._undo)
        if following and self._following:
            self.cuts = list(cuts)
            return
        self._change(list(cuts))
        self._following = following and len(self._undo) > before

    def clear(self) -> str:
        """Take all cuts away; returns one sentence."""
        self._change([])
        return ALL_REMOVED

    def move_to(self, graph: LayerGraph) -> None:
        """Go on with another graph of the same model, in which a call is open or closed now.

        Cuts after a call that is a group now, or inside a group that is a call, are kept by name as far as the
        names are known; what cannot be kept is dropped.
        """

        def moved(cuts: list[Cut]) -> list[Cut]:
            kept = []
            for cut in cuts:
                try:
                    kept.append(cut_at(graph, *cut.points))
                except SplitError:
                    continue
            return nest(kept)

        self.graph = graph
        self.cuts = moved(self.cuts)
        self._undo = [moved(step) for step in self._undo]
        self._redo = [moved(step) for step in self._redo]

    def move(self, index: int, call: str) -> str:
        """Move a cut, counted from 0, to after another call; returns one sentence.

        Raises
        ------
        SplitError
            If there is no such cut, or none is possible there; the cuts then stay as they were.
        """
        self._known(index)
        cut = cut_at(self.graph, find_call(self.graph, call))
        others = [each for i, each in enumerate(self.cuts) if i != index]
        self._change(nest([*others, cut]))
        return self._placed(cut.points[0])

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
        return self._placed(name)

    def remove(self, index: int) -> str:
        """Take the cut of this number away, counting from 0; returns one sentence."""
        gone = self._known(index)
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

    def _placed(self, name: str) -> str:
        at = self.cut_with(name)
        assert at is not None  # it has just been placed
        cut = self.cuts[at]
        count = len(cut.tensors)
        crossing = f"{plural(count, 'tensor')}, {bytes_text(cut.nbytes(self.batch_size))}"
        return f"Cut after {listed(cut.points)}: {crossing if count else 'nothing crosses'}."

    def _known(self, index: int) -> Cut:
        if not 0 <= index < len(self.cuts):
            raise SplitError(f"There is no cut number {index}; {len(self.cuts)} cuts are placed.")
        return self.cuts[index]

    def _change(self, cuts: list[Cut]) -> None:
        self._following = False
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
        return f"{plural(count, 'cut')} placed."
