"""A model that is being looked at and cut: the graph as far as it is open, the cuts on it, and what is seen."""

from __future__ import annotations

from typing import Any

import keras

from kerassplit_widget.display import wire
from kerassplit_widget.display.editing import ALL_REMOVED, Editor
from kerassplit_widget.display.viewing import Viewer
from kerassplit_widget.errors import CutError
from kerassplit_widget.models.cutting import place_cuts
from kerassplit_widget.models.inputs import Shapes
from kerassplit_widget.models.planning import Plan
from kerassplit_widget.models.reading import Expand, read_steps
from kerassplit_widget.structure.arguments import whole_number
from kerassplit_widget.structure.cuts import cut_at, cut_candidates, explain, nearest_candidates
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.surveying import Place, survey
from kerassplit_widget.structure.text import count_text, plural

__all__ = ["Session"]

_EXAMPLE = 128
"""What a sentence shows for an unknown dimension."""


class Session:
    """Everything about a widget's model that is not a trait.

    Parameters
    ----------
    model : keras.Model
    batch_size : int
    input_shapes : Shapes, optional
    expand : str or list of str
        Which groups are open at first, as for `read`.

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
    SplitError
        If `batch_size` is no whole number above 0.
    """

    def __init__(
        self,
        model: keras.Model,
        batch_size: int = 1,
        input_shapes: Shapes | None = None,
        expand: Expand = "nested",
    ) -> None:
        self.model, self.batch_size = model, whole_number("batch_size", batch_size)
        self.input_shapes, self._expand = input_shapes, expand
        self.expanded: list[str] = []
        self.reading = read_steps(model, expand=expand, input_shapes=input_shapes)
        self.editor = Editor(self.reading.graph, self.batch_size)
        self.viewer = Viewer(self.graph, openable=self.reading.closed)

    @property
    def graph(self) -> LayerGraph:
        """What is drawn and cut."""
        return self.reading.graph

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments with which `split` cuts this graph."""
        given: dict[str, Any] = {} if self.input_shapes is None else {"input_shapes": self.input_shapes}
        expand = sorted(self.graph.groups) if self.expanded else self._expand
        if expand != "nested":
            given["expand"] = expand
        return given

    @property
    def hint(self) -> str:
        """Say in a sentence how the unknown dimensions of the inputs are fixed; nothing if none is unknown."""
        shapes = {name: self.graph.tensors[name].shape[1:] for name in self.graph.inputs}
        given = {name: tuple(dim or _EXAMPLE for dim in shape) for name, shape in shapes.items() if None in shape}
        if not given:
            return ""
        return f"Sizes are unknown where dimensions are: ks.SplitWidget(model, input_shapes={given}) fixes them."

    @property
    def places(self) -> str:
        """Count where a single tensor crosses."""
        return f"{plural(len(cut_candidates(self.graph)), 'place')} where a single tensor crosses"

    def summary(self) -> str:
        """Say in a few lines what is shown."""
        graph = self.graph
        lines = [f"{graph.name}: {plural(len(graph), 'call')}, {count_text(graph.params)} parameters, {self.places}"]
        lines += [f"cut {i}: {cut.describe(self.batch_size)}" for i, cut in enumerate(self.editor.cuts, 1)]
        return "\n".join([*lines, "(a SplitWidget; where widgets are not shown: ks.plot(model), ks.why_not, ks.split)"])

    def place(self, cuts: Any) -> str:
        """Place cuts, as `split` takes them, or none, instead of those that are there.

        Returns
        -------
        str
            One sentence; empty if the same were there.

        Raises
        ------
        PointError, CutError
            As `split`; the cuts then stay as they were.
        """
        before = self.editor.cuts
        if isinstance(cuts, Plan):
            cuts = cuts.cuts
        if _are_names(cuts) and cuts == self.editor.points:  # never compared with tensors: that builds a call
            return ""
        none = cuts is None or (isinstance(cuts, list | tuple) and not cuts)
        self.editor.place_cuts([] if none else place_cuts(self.reading, cuts))
        if (now := self.editor.cuts) == before:
            return ""
        return f"{plural(len(now), 'cut')} placed; split to build the {len(now) + 1} parts." if now else ALL_REMOVED

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

    def end_of(self, name: str) -> str:
        """Name the call that makes what a call made before it was opened: the last inside; empty if there is none."""
        if name in self.graph:
            return name
        inside = [each for each in self.graph.names if name and each.startswith(f"{name}/")]
        return inside[-1] if inside else ""

    def _take(self, reading: Any, group: str) -> None:
        """Go on with another graph of the same model: cuts, folds and direction stay as far as they can."""
        opened, direction = self.viewer.opened, self.viewer.direction
        whole = self.viewer.scene.depth in ("layers", "all")
        self.reading = reading
        self.editor.move_to(reading.graph)
        self.viewer = Viewer(reading.graph, direction, openable=reading.closed)
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


def _are_names(cuts: Any) -> bool:
    return isinstance(cuts, list) and all(
        isinstance(points, list) and all(isinstance(point, str) for point in points) for points in cuts
    )
