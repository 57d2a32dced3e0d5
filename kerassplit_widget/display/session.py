"""A model that is being looked at and cut: the graph as far as it is open, the cuts on it, and what is seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras

from kerassplit_widget.display import wire
from kerassplit_widget.display.editing import Editor
from kerassplit_widget.display.viewing import Viewer
from kerassplit_widget.errors import CutError
from kerassplit_widget.models.reading import Shapes, read_steps
from kerassplit_widget.structure.cuts import cut_at, explain, nearest_candidates
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.surveying import Place, survey

__all__ = ["Session"]


class Session:
    """Everything about a widget's model that is not a trait.

    Parameters
    ----------
    model : keras.Model
    batch_size : int
    input_shapes : Shapes, optional

    Attributes
    ----------
    editor : Editor
        The cuts.
    viewer : Viewer
        The folds.
    expanded : list of str
        Composite layers that were opened to be cut inside.

    Raises
    ------
    ModelError
        If it is not a Keras model, or its graph is not known.
    """

    def __init__(self, model: keras.Model, batch_size: int = 1, input_shapes: Shapes | None = None) -> None:
        self.model, self.batch_size, self.input_shapes = model, batch_size, input_shapes
        self.expanded: list[str] = []
        self.reading = read_steps(model, input_shapes=input_shapes)
        self.editor = Editor(self.reading.graph)
        self.viewer = Viewer(self.reading.graph)

    @property
    def graph(self) -> LayerGraph:
        """What is drawn and cut."""
        return self.reading.graph

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments with which `split` cuts this graph."""
        given: dict[str, Any] = {} if self.input_shapes is None else {"input_shapes": self.input_shapes}
        if self.expanded:
            given["expand"] = sorted(self.graph.groups)
        return given

    def names(self, cuts: Iterable[Any]) -> list[list[str]]:
        """Write cuts, as `split` takes them, by the names of their points."""
        entries = [entry if isinstance(entry, tuple | list) else (entry,) for entry in cuts]
        return [[self.reading.point_name(point) for point in points] for points in entries]

    def open(self, name: str) -> bool:
        """Open a fold, or a layer that is made of others.

        Returns
        -------
        bool
            Whether the graph is another one now.

        Raises
        ------
        SplitError
            If there is no such fold or layer, or what the layer does cannot be traced; nothing is changed then.
        """
        if name not in self.reading.closed:
            self.viewer.open(name)
            return False
        groups = [*self.graph.groups, name]
        reading = read_steps(self.model, expand=groups, input_shapes=self.input_shapes)
        self.expanded.append(name)
        self._take(reading, name)
        return True

    def _take(self, reading: Any, group: str) -> None:
        """Go on with another graph of the same model: cuts, folds and direction stay as far as they can."""
        opened, direction = self.viewer.opened, self.viewer.direction
        whole = self.viewer.scene.depth in ("layers", "all")
        self.reading = reading
        self.editor.move_to(reading.graph)
        self.viewer = Viewer(reading.graph, direction)
        if whole:
            self.viewer.show("all")
        else:
            self.viewer.restore({*opened, group})
        self.follow()

    def follow(self) -> None:
        """Keep open what the cuts go through."""
        self.viewer.follow(cut.head for cut in self.editor.cuts)

    def preview(self, call: str) -> dict[str, Any]:
        """Say what a cut after a call would cost, and where the nearest candidates are."""
        nearest = nearest_candidates(self.graph, call)
        try:
            place = Place(cut_at(self.graph, call), "", nearest)
        except CutError as error:
            place = Place(None, str(error), nearest)
        return self._preview(call, place, wire.tensor_numbers(self.graph))

    def _preview(self, call: str, place: Place, numbers: dict[str, int]) -> dict[str, Any]:
        near = [cut and cut.points[0] for cut in place.nearest]
        if place.cut is None:
            return {"cut": None, "sentence": place.refusal, "nearest": near}
        sentence = explain(place.cut, place.nearest, self.batch_size)
        row = wire.cut_row(place.cut, sentence, self.batch_size, numbers)
        return {"cut": {**row, "removes": self.editor.cut_with(call) is not None}, "nearest": near}

    def model_payload(self) -> dict[str, Any]:
        """Pack the graph for the front end."""
        return wire.model(self.graph, self.batch_size)

    def view_payload(self) -> dict[str, Any]:
        """Pack what is seen for the front end."""
        return wire.view(self.graph, self.viewer.scene, self.reading.closed)

    def previews(self) -> list[dict[str, Any]]:
        """Preview a cut after every call, for a page without a kernel: what `preview` says of each."""
        numbers = wire.tensor_numbers(self.graph)
        places = zip(self.graph.names, survey(self.graph), strict=True)
        return [self._preview(call, place, numbers) for call, place in places]
