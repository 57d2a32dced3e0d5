"""The widget: synced traits and one dispatcher for what the front end asks. Everything else is delegated."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import keras
import traitlets

from kerassplit_widget.display import notebook, wire
from kerassplit_widget.display.editing import Editor
from kerassplit_widget.errors import CutError, NamingError, SplitError, closest
from kerassplit_widget.models.codegen import split_code
from kerassplit_widget.models.reading import Shapes, read_steps
from kerassplit_widget.models.splitting import Split, split
from kerassplit_widget.structure.cuts import cut_at, cut_candidates, why_not
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.layout import lay_out
from kerassplit_widget.structure.text import listed

__all__ = ["SplitWidget"]

_STATIC = Path(__file__).parent / "static"

_BOX = (172.0, 38.0)
"""Width and height of a call's box in pixels: two lines of text, of about 28 characters."""


def _bundle(name: str) -> str | Path:
    """Return the built front end as text; as a file that is watched only while it is being developed.

    A watched file would keep every closed widget, and the model it holds, alive.
    """
    path = _STATIC / name
    return path if os.environ.get("ANYWIDGET_HMR") == "1" else path.read_text(encoding="utf-8")


class SplitWidget(anywidget.AnyWidget):
    """See a model's graph, cut it by a click, get the parts in notebook variables, proved.

    Parameters
    ----------
    model : keras.Model
        A Functional model or a built Sequential. It is never changed.
    cuts : list, optional
        Cuts to begin with, as `split` takes them.
    height : int, optional
        Height of the picture in pixels.
    batch_size : int, optional
        For the bytes of tensors.
    input_shapes : tuple, or dict of str to tuple, optional
        Fixes unknown dimensions of the inputs, as for `read`; the parts then take these shapes only.

    Attributes
    ----------
    cuts : list of list of str
        The points of each cut. May be read, set and observed.
    selection : str
        Name of the selected call, or empty. May be read, set and observed.
    status, last_error : str
        One sentence each on the last thing done, and on what went wrong in it (empty: nothing).
    variable_names : str
        The variables that "Split" fills, divided by commas.
    graph : LayerGraph
        What is drawn.
    split : Split or None
        The parts of the present cuts, once they are built.

    Raises
    ------
    ModelError
        If it is not a Keras model, or its graph is not known.
    PointError, CutError
        If a cut is not possible.

    Examples
    --------
    >>> import keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2)])
    >>> widget = SplitWidget(model, cuts=["a"])
    >>> part_1, part_2 = widget.materialize()
    >>> part_1.output_shape
    (None, 3)
    """

    _esm = _bundle("widget.js")
    _css = _bundle("widget.css")

    cuts = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    selection = traitlets.Unicode("").tag(sync=True)
    status = traitlets.Unicode("").tag(sync=True)
    last_error = traitlets.Unicode("").tag(sync=True)
    variable_names = traitlets.Unicode("").tag(sync=True)
    height = traitlets.Int(520, min=200, max=4000).tag(sync=True)
    _picture = traitlets.Dict().tag(sync=True)
    _placed = traitlets.Dict().tag(sync=True)
    _result = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        model: keras.Model,
        *,
        cuts: Iterable[Any] = (),
        height: int = 520,
        batch_size: int = 1,
        input_shapes: Shapes | None = None,
        **unknown: object,
    ) -> None:
        if unknown:
            name = next(iter(unknown))
            known = ["cuts", "height", "batch_size", "input_shapes"]
            raise TypeError(f"SplitWidget takes no argument {name!r}. {closest(name, known)}")
        reading = read_steps(model, input_shapes=input_shapes)
        self.model = model
        self.graph: LayerGraph = reading.graph
        self.split: Split | None = None
        self._batch_size = batch_size
        self._options: dict[str, Any] = {} if input_shapes is None else {"input_shapes": input_shapes}
        self._editor = Editor(reading.graph)
        self._asked_to_replace: list[str] = []
        self._actions: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {
            "preview": self._preview,
            "toggle": lambda message: self._edit(self._editor.toggle, str(message.get("call"))),
            "remove": lambda message: self._edit(self._editor.remove, int(message.get("index", -1))),
            "clear": lambda message: self._edit(self._clear),
            "undo": lambda message: self._edit(self._editor.undo),
            "redo": lambda message: self._edit(self._editor.redo),
            "split": self._split_pressed,
            "verify": self._verify_pressed,
            "code": lambda message: {"code": self.code},
        }
        layout = lay_out(reading.graph.successors, size=_BOX)
        super().__init__(height=height, _picture=wire.picture(reading.graph, layout, batch_size=batch_size))
        self._refresh()
        self.status = (
            f"{len(cut_candidates(self.graph))} places where a single tensor crosses. Choose a call to cut after it."
        )
        if cuts:
            names = [entry if isinstance(entry, tuple | list) else (entry,) for entry in cuts]
            self.cuts = [[reading.point_name(p) for p in points] for points in names]
        self.on_msg(self._dispatch)

    def __repr__(self) -> str:
        cuts = ", ".join(listed(points) for points in self.cuts) or "none"
        return f"SplitWidget({self.graph.name}: {len(self.graph)} calls; cuts: {cuts})"

    @property
    def code(self) -> str:
        """The Python that makes the present split."""
        names = self._names_or_default()
        model = notebook.model_variable(self.model)
        return split_code(self.cuts, model=model, names=names, options=self._options)

    def materialize(self, names: Sequence[str] | None = None) -> Split:
        """Build the parts of the present cuts and put them in the notebook's variables.

        Parameters
        ----------
        names : sequence of str, optional
            One for each part; by default what ``variable_names`` says.

        Returns
        -------
        Split
            Also in ``widget.split``. The variables are set only where there is a notebook; existing ones are replaced.

        Raises
        ------
        CutError
            If no cut is placed.
        NamingError
            If a name is no Python identifier, a keyword, or given twice. Nothing is built then.
        """
        self._require_cuts()
        chosen = notebook.parse_names(names or self.variable_names, len(self.cuts) + 1)
        parts = self._build()
        there = notebook.put({**dict(zip(chosen, parts, strict=True)), "split": parts})
        if names:
            self.variable_names = ", ".join(chosen)
        self._result = wire.result(self.code, chosen)
        where = f"{listed(chosen)} are in the notebook" if there else "the parts are in widget.split"
        self.status = (
            f"{where[0].upper() + where[1:] if not there else where}; verify to prove that they equal the model."
        )
        return parts

    def _build(self) -> Split:
        parts = self.split or split(self.model, [tuple(points) for points in self.cuts], **self._options)
        self.split = parts
        return parts

    def _names_or_default(self) -> list[str]:
        try:
            return notebook.parse_names(self.variable_names, len(self.cuts) + 1)
        except NamingError:
            return notebook.parse_names(notebook.default_names(len(self.cuts) + 1), len(self.cuts) + 1)

    @traitlets.validate("cuts")
    def _check_cuts(self, proposal: Any) -> list[list[str]]:
        """Place cuts that were set from Python or restored; what cannot be placed raises and changes nothing."""
        if proposal["value"] != self._editor.points:
            self._editor.place(proposal["value"])
        return self._editor.points

    @traitlets.observe("cuts")
    def _cuts_changed(self, change: Any) -> None:
        self.split, self._result, self._asked_to_replace = None, {}, []
        before = notebook.default_names(len(change["old"]) + 1)
        if self.variable_names in ("", before):
            self.variable_names = notebook.default_names(len(change["new"]) + 1)
        self._refresh()

    @traitlets.observe("variable_names")
    def _names_changed(self, change: Any) -> None:
        self._refresh()

    def _refresh(self) -> None:
        names = [name.strip() for name in self.variable_names.split(",") if name.strip()]
        self._placed = wire.placed(self._editor, names, self._batch_size)

    def _dispatch(self, _: Any, message: Any, buffers: Any) -> None:
        """Answer a request of the front end; whatever goes wrong is said in the answer and in ``last_error``."""
        if not isinstance(message, dict) or "id" not in message:
            return
        reply: dict[str, Any] = {"kind": "reply", "id": message["id"], "ok": True}
        kind = message.get("kind")
        try:
            if kind not in self._actions:
                raise SplitError(f"The front end asked for {kind!r:.40}, which this version does not know.")
            reply.update(self._actions[kind](message) or {})
            if kind != "preview":
                self.last_error = ""
        except Exception as error:  # what is not said in the widget is seen by nobody
            text = str(error) if isinstance(error, SplitError) else f"{type(error).__name__}: {error}"
            reply.update(ok=False, error=text)
            if kind != "preview":
                self.last_error = text
        self.send(reply)

    def _preview(self, message: dict[str, Any]) -> dict[str, Any]:
        call = str(message.get("call"))
        sentence = why_not(self.graph, call, self._batch_size)
        try:
            row = wire.cut_row(cut_at(self.graph, call), sentence, self._batch_size)
        except CutError:
            return {"cut": None, "sentence": sentence}
        return {"cut": {**row, "removes": self._editor.cut_with(call) is not None}}

    def _edit(self, action: Callable[..., str], *arguments: Any) -> None:
        self.status = action(*arguments)
        self.cuts = self._editor.points
        self._refresh()

    def _clear(self) -> str:
        self._editor.place([])
        return "All cuts are removed."

    def _require_cuts(self) -> None:
        if not self.cuts:
            raise CutError("No cut is placed. Choose a call to cut after first.")

    def _split_pressed(self, message: dict[str, Any]) -> None:
        self._require_cuts()
        if isinstance(message.get("names"), str):  # what is in the field now; the trait may lag behind
            self.variable_names = message["names"]
        names = notebook.parse_names(self.variable_names, len(self.cuts) + 1)
        used = notebook.in_use([*names, "split"])
        if used and used != self._asked_to_replace:
            self._asked_to_replace = used
            verb = "is" if len(used) == 1 else "are"
            raise NamingError(
                f"{listed(used)} {verb} already in use in the notebook. "
                "Press Split again to replace, or change the variable names."
            )
        self._asked_to_replace = []
        self.materialize()

    def _verify_pressed(self, message: dict[str, Any]) -> None:
        self._require_cuts()

        def tell(done: int, total: int, what: str) -> None:
            self.send(
                {
                    "kind": "progress",
                    "id": message["id"],
                    "done": done,
                    "total": total,
                    "what": what,
                }
            )

        proof = self._build().verify(progress=tell)
        self._result = wire.result(self.code, self._result.get("variables", []), proof)
        self.status = proof.sentence()
