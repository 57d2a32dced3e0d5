"""The widget: synced traits and one dispatcher for what the front end asks. Everything else is delegated."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import anywidget
import keras
import traitlets

from kerassplit_widget.display import notebook, wire
from kerassplit_widget.display.actions import Actions
from kerassplit_widget.display.export import write_page
from kerassplit_widget.display.figures import png
from kerassplit_widget.display.parting import Parting
from kerassplit_widget.display.plans import PlanDesk
from kerassplit_widget.display.session import Session
from kerassplit_widget.display.viewing import Scene
from kerassplit_widget.display.working import Busy, Worker
from kerassplit_widget.errors import PointError, SplitError, closest
from kerassplit_widget.models.codegen import split_code
from kerassplit_widget.models.inputs import Shapes
from kerassplit_widget.models.planning import Plan
from kerassplit_widget.models.reading import Expand
from kerassplit_widget.models.splitting import Split
from kerassplit_widget.models.verifying import Verification
from kerassplit_widget.structure.arguments import whole_number
from kerassplit_widget.structure.costs import CostTable
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.text import listed, plural

__all__ = ["SplitWidget"]

_STATIC = Path(__file__).parent / "static"

_LOWEST, _HIGHEST = 200, 4000
"""Pixels that the picture may be high."""


def _bundle(name: str) -> str | Path:
    """Return the built front end as text; as a file that is watched only while it is being developed.

    A watched file would keep every closed widget, and the model it holds, alive.
    """
    path = _STATIC / name
    return path if os.environ.get("ANYWIDGET_HMR") == "1" else path.read_text(encoding="utf-8")


class _Checked(traitlets.Any):
    """What only the check below knows: it takes more than it keeps, and refuses in our words."""

    allow_none = False  # else None would not be checked


class SplitWidget(anywidget.AnyWidget):
    """See a model's graph, cut it by a click, get the parts in notebook variables, proved.

    Parameters
    ----------
    model : keras.Model
        Functional, Sequential (built), or a subclassed one that was called on data. It is never changed.
    cuts : list or Plan, optional
        Cuts to begin with, as `split` takes them. A `Plan` stands for its cuts and, where they are not given, the way
        it read the model; the parts form a chain, however the plan wires them.
    height : int, optional
        Height of the picture in pixels, 200 to 4000.
    batch_size : int, optional
        For the bytes of tensors.
    input_shapes : tuple, or dict of str to tuple, optional
        Fixes unknown dimensions of the inputs, as for `read`; the parts then take these shapes only.
    expand : str or list of str, optional
        Which groups are open at first, as for `read`. Others can be opened in the picture.
    png : bool, optional
        Whether the notebook also keeps a still picture, for places that show no widgets.

    Attributes
    ----------
    cuts : list of list of str
        The points of each cut. May be read, set and observed; may be set to whatever `split` takes.
    selection : str
        Name of the selected call, or empty. May be read, set and observed.
    status, last_error : str
        One sentence each on the last thing done, and on what went wrong in it (empty: nothing).
    variable_names : str
        The variables that "Split" fills, divided by commas.
    opened : list of str
        The blocks that are open.

    Raises
    ------
    ModelError
        If it is not a Keras model, or its graph is not known.
    PointError, CutError
        If a cut is not possible; also when ``cuts`` is set.
    SplitError
        If another argument makes no sense; also when ``height`` or ``selection`` is set.
    TypeError
        If there is no such argument.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2)])
    >>> widget = ks.SplitWidget(model, cuts=["a"])
    >>> part_1, part_2 = widget.materialize()
    >>> part_1.output_shape
    (None, 3)
    """

    _esm = _bundle("widget.js")
    _css = _bundle("widget.css")

    cuts = _Checked().tag(sync=True)
    selection = traitlets.Unicode("").tag(sync=True)
    status = traitlets.Unicode("").tag(sync=True)
    last_error = traitlets.Unicode("").tag(sync=True)
    variable_names = traitlets.Unicode("").tag(sync=True)
    height = _Checked(520).tag(sync=True)
    opened = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _model = traitlets.Dict().tag(sync=True, to_json=wire.as_text)
    _view = traitlets.Dict().tag(sync=True, to_json=wire.as_text)
    _costs = traitlets.Dict().tag(sync=True, to_json=wire.as_text)
    _placed = traitlets.Dict().tag(sync=True, to_json=wire.as_text)
    _result = traitlets.Dict().tag(sync=True)
    _busy = traitlets.Dict().tag(sync=True)
    _static = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        model: keras.Model,
        *,
        cuts: Iterable[Any] | Plan = (),
        height: int = 520,
        batch_size: int = 1,
        input_shapes: Shapes | None = None,
        expand: Expand | None = None,
        png: bool = True,
        **unknown: object,
    ) -> None:
        if unknown:
            name = next(iter(unknown))
            known = ["cuts", "height", "batch_size", "input_shapes", "expand", "png"]
            raise TypeError(f"SplitWidget takes no argument {name!r}. {closest(name, known)}")
        if isinstance(cuts, Plan):
            expand = cuts.options.get("expand") if expand is None else expand
            input_shapes = cuts.options.get("input_shapes") if input_shapes is None else input_shapes
        self._session = Session(model, batch_size, input_shapes, "nested" if expand is None else expand)
        self._worker = Worker(self._show_busy)
        self._parting = Parting(self._session, lambda: self.cuts)
        self.png = png
        self._scene: Scene | None = None
        self._desk = PlanDesk()
        self._actions = Actions(self)
        super().__init__(height=height, _model=self._session.model_payload())
        self._show_view()
        self._show_placed()
        self.status = f"{self._session.places}. Choose a call to cut after it. {self._session.hint}".rstrip()
        self.cuts = cuts
        self.on_msg(lambda _, message, buffers: self._actions.take(message))

    def __repr__(self) -> str:
        cuts = ", ".join(listed(points) for points in self.cuts) or "none"
        return f"SplitWidget({self.graph.name}: {plural(len(self.graph), 'call')}; cuts: {cuts})"

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Show the widget and, for places that show none, a text and a still picture."""
        bundle = super()._repr_mimebundle_(**options)
        if bundle is None:
            return None
        data, metadata = bundle
        data["text/plain"] = self._session.summary()
        if self.png:
            session = self._session
            picture = png(self.graph, session.editor.cuts, batch_size=session.batch_size, root=session.viewer.root)
            data["image/png"] = base64.b64encode(picture).decode()
        return data, metadata

    def to_html(self, path: str | PathLike[str]) -> Path:
        """Write the picture as one page that needs no kernel, no network and no other file.

        Parameters
        ----------
        path : path
            Of the file; it is replaced if it exists, complete or not at all.

        Returns
        -------
        Path
            Where it was written. The page pans, zooms, searches, opens blocks and tells what would cross where.

        Raises
        ------
        SplitError
            If there is no such folder.
        OSError
            If it cannot be written there.
        """
        return write_page(path, self._session, self.get_state())

    @property
    def graph(self) -> LayerGraph:
        """What is drawn and cut. Opening a composite layer makes it another."""
        return self._session.graph

    @property
    def model(self) -> keras.Model:
        """The model, as it was given."""
        return self._session.model

    @property
    def code(self) -> str:
        """The Python that makes the present split; without cuts, that lists where one may be."""
        model = notebook.model_variable(self.model)
        names = notebook.good_names(self.variable_names, len(self.cuts) + 1)
        code = split_code(self.cuts, model=model, names=names, options=self._session.options)
        asked = self._desk.asked(self.cuts, model)
        return code.replace("\n\n", f"\n\n# chosen by {asked}\n", 1) if asked and self.cuts else code

    @property
    def plan(self) -> Plan | None:
        """The plan that chose the present cuts, of the Plan panel or set as cuts; None once they are others."""
        return self._desk.plan_of(self.cuts)

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
        chosen = self._parting.names(names or self.variable_names)
        parts = self._parting.build()
        if self.split is not parts:
            raise SplitError("The cuts changed while the parts were built: split again.")
        there = self._parting.put(chosen, parts)
        self.variable_names = ", ".join(chosen)
        self._show_result(chosen)
        where = f"{listed(chosen)} are in the notebook" if there else "The parts are in widget.split"
        self.status = f"{where}; {self._parting.verdict}."
        return parts

    @property
    def split(self) -> Split | None:
        """The parts of the present cuts, once they are built."""
        return self._parting.split

    def _show_cuts(self) -> None:
        """Show the cuts as the session has them now."""
        self.cuts = self._session.editor.points
        self._show_placed()

    def _show_model(self) -> None:
        """Show the graph, which is another one now."""
        with self.hold_sync():  # the front end is to see both change at once
            self._model = self._session.model_payload()
            self._costs, self._result = {}, {}
            self.selection = self._session.end_of(self.selection)
            self._show_view()
            self._show_cuts()

    def _show_view(self) -> None:
        """Show what is open now."""
        scene = self._session.viewer.scene
        if scene is not self._scene:
            self._scene = scene
            self.opened = sorted(self._session.viewer.opened)
            self._view = self._session.view_payload()

    def _show_costs(self, table: CostTable, milliseconds: Sequence[float | None] | None = None) -> None:
        """Show what the calls cost."""
        self._costs = wire.costs(table, milliseconds)

    def _show_result(self, names: Sequence[str]) -> None:
        """Show the variables of the parts, with what is proved of these."""
        self._result = wire.result(self.code, names, self._parting.proof)

    def _show_proof(self, parts: Split, proof: Verification) -> None:
        """Show what was proved of parts, if they are still those of the present cuts.

        Raises
        ------
        SplitError
            If they are not: it proves nothing of the parts that are shown.
        """
        if self.split is parts:
            self._parting.keep(parts, proof)
            self._show_result(self._result.get("variables", []))
            self.status = proof.sentence()
        if self.split is not parts:  # asked once more: the cuts may change at any time, and clear only what they see
            self._result = {}
            raise SplitError("The cuts changed while verifying: verify again.")

    def _show_placed(self) -> None:
        names = notebook.shown_names(self.variable_names, len(self._session.editor.cuts) + 1)
        self._placed = wire.placed(self._session.editor, names, self._session.batch_size)
        self._session.follow()
        self._show_view()

    def _show_busy(self, busy: Busy) -> None:
        self._busy = busy

    @traitlets.default("cuts")
    def _no_cuts(self) -> list[list[str]]:
        return []

    @traitlets.validate("cuts")
    def _check_cuts(self, proposal: Any) -> list[list[str]]:
        """Place cuts that were set from Python or restored; what cannot be placed raises and changes nothing."""
        cuts = proposal["value"]
        self.status = self._session.place(cuts) or self.status
        if isinstance(cuts, Plan):
            self._desk.keep(cuts)
        return self._session.editor.points

    @traitlets.observe("cuts")
    def _cuts_changed(self, change: Any) -> None:
        self._parting.forget()
        self._result = {}
        self._actions.cuts_changed()
        self.variable_names = notebook.field_text(self.variable_names, len(change["new"]) + 1)
        self._show_placed()

    @traitlets.observe("variable_names")
    def _names_changed(self, change: Any) -> None:
        self._actions.names_changed()
        self._show_placed()

    @traitlets.validate("height")
    def _check_height(self, proposal: Any) -> int:
        height = whole_number("height", proposal["value"], _LOWEST)
        if height > _HIGHEST:
            raise SplitError(f"height= is a number of pixels, at most {_HIGHEST}; found {height}.")
        return height

    @traitlets.validate("selection")
    def _check_selection(self, proposal: Any) -> str:
        name: str = proposal["value"]
        if name and name not in self.graph:
            raise PointError(f"There is no call {name!r:.80} to select. {closest(name, self.graph.names)}")
        return name
