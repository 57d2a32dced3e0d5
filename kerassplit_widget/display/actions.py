"""What the front end may ask of a widget, and how each request is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from kerassplit_widget.display import notebook, wire
from kerassplit_widget.errors import NamingError, SplitError
from kerassplit_widget.models.counting import count_reading
from kerassplit_widget.models.measuring import Measurement, measure
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.text import listed, plural

if TYPE_CHECKING:
    from kerassplit_widget.display.widget import SplitWidget

__all__ = ["Actions"]

Message = Mapping[str, Any]
Fields = dict[str, Any]

_LONG = {"verify": "verifying", "measure": "measuring", "plan": "planning"}
"""Requests that take long, and what the kernel is doing then."""

_QUIET = frozenset({"preview", "costs", "view", "cancel"})
"""Requests that leave the last error standing: they follow the mouse, not a decision."""


class Actions:
    """Answers the requests of a widget's front end.

    Parameters
    ----------
    widget : SplitWidget
    """

    def __init__(self, widget: SplitWidget) -> None:
        self._widget = widget
        self._asked_to_replace: list[str] = []
        self._misnamed = ""
        edit = widget._session.editor
        self._answers: dict[str, Callable[[Message], Fields | None]] = {
            "preview": lambda message: widget._session.preview(str(message.get("call"))),
            "toggle": lambda message: self._edit(edit.toggle, str(message.get("call"))),
            "move": lambda message: self._edit(edit.move, _number(message, "index"), str(message.get("call"))),
            "remove": lambda message: self._edit(edit.remove, _number(message, "index")),
            "clear": lambda message: self._edit(edit.clear),
            "undo": lambda message: self._edit(edit.undo),
            "redo": lambda message: self._edit(edit.redo),
            "view": self._view,
            "costs": self._costs,
            "code": lambda message: {"code": widget.code},
            "split": self._split,
            "verify": self._verify,
            "measure": self._measure,
            "plan": self._plan,
            "cancel": lambda message: widget._worker.cancel(),
        }

    def take(self, message: Any) -> None:
        """Answer a request, at once or, if it takes long, when it is done. What is no request is passed over."""
        if not isinstance(message, dict) or "id" not in message:
            return
        kind = message.get("kind")
        quick = partial(self._answer, message)
        if kind not in _LONG or message.get("live") is True:
            quick()
            return
        try:
            if not self._widget._worker.busy:
                self._widget.last_error = ""  # it is about what was asked before
            self._widget._worker.start(_LONG[kind], quick)
        except SplitError as error:
            self._reply(message, error)

    def cuts_changed(self) -> None:
        """Forget the question whether variables may be replaced: it was asked of other parts."""
        self._asked_to_replace = []

    def names_changed(self) -> None:
        """Take back what was said against variable names, if these are good."""
        widget = self._widget
        if not self._misnamed or widget.last_error != self._misnamed:
            return
        try:
            names = notebook.parse_names(widget.variable_names, len(widget.cuts) + 1)
        except NamingError:
            return
        if not widget._parting.names_in_use(names):
            widget.last_error = ""

    def _answer(self, message: Message) -> None:
        kind = message.get("kind")
        try:
            if kind not in self._answers:
                raise SplitError(f"The front end asked for {kind!r:.40}, which this version does not know.")
            fields = self._answers[kind](message)
        except Exception as error:  # what is not said in the widget is seen by nobody
            self._reply(message, error)
        else:
            self._reply(message, fields=fields)

    def _reply(self, message: Message, error: Exception | None = None, fields: Fields | None = None) -> None:
        reply: Fields = {"kind": "reply", "id": message["id"], "ok": error is None, **(fields or {})}
        text = ""
        if error is not None:
            text = str(error) if isinstance(error, SplitError) else f"{type(error).__name__}: {error}"
            reply["error"] = text
            if isinstance(error, NamingError):
                self._misnamed = text
        if message.get("kind") not in _QUIET:
            self._widget.last_error = text
        self._widget.send(reply)

    def _edit(self, action: Callable[..., str], *arguments: Any) -> None:
        self._widget.status = action(*arguments)
        self._widget._show_cuts()

    def _view(self, message: Message) -> None:
        session = self._widget._session
        steps: dict[str, Callable[[Any], object]] = {
            "close": session.viewer.close,
            "depth": session.viewer.show,
            "reveal": session.viewer.reveal,
            "direction": session.viewer.turn,
        }
        for name, step in steps.items():
            if name in message:
                step(message[name])
        if "open" in message and session.open(str(message["open"])):
            self._widget._show_model()
        self._widget._show_view()

    def _costs(self, message: Message) -> None:
        session = self._widget._session
        self._widget._show_costs(count_reading(session.reading, session.batch_size))

    def _split(self, message: Message) -> None:
        widget = self._widget
        widget._parting.require_cuts()
        if isinstance(message.get("names"), str):  # what is in the field now; the trait may lag behind
            widget.variable_names = message["names"]
        names = widget._parting.names(widget.variable_names)
        used = widget._parting.names_in_use(names)
        if used and used != self._asked_to_replace:
            self._asked_to_replace = used
            verb = "is" if len(used) == 1 else "are"
            raise NamingError(
                f"{listed(used)} {verb} already in use in the notebook. "
                "Press Split again to replace, or change the variable names."
            )
        self._asked_to_replace = []
        widget.materialize()

    def _verify(self, message: Message) -> None:
        widget = self._widget
        widget._parting.require_cuts()
        widget._worker.tell(0, 0, "building the parts")
        parts = widget._parting.build()
        widget._show_proof(parts, parts.verify(progress=widget._worker.tell))

    def _measure(self, message: Message) -> None:
        widget, session = self._widget, self._widget._session
        reading = session.reading
        table = count_reading(reading, session.batch_size)
        found = measure(widget.model, batch_size=session.batch_size, progress=widget._worker.tell, **session.options)
        if session.reading is not reading:
            raise SplitError("A layer was opened while measuring: measure again.")
        widget._show_costs(table, _times(found, session.graph))
        one = f"the model as one takes {found.whole_ms:.3g} ms"
        widget.status = f"{plural(len(found), 'segment')} measured: {found.sum_ms:.3g} ms in all; {one}."

    def _plan(self, message: Message) -> Fields:
        widget, session = self._widget, self._widget._session
        live = message.get("live") is True
        reading, cuts = session.reading, session.editor.cuts
        found, question = widget._desk.plan(session, message, stopping=lambda: not live and widget._worker.stopping)
        if session.reading is not reading or session.editor.cuts is not cuts:
            raise SplitError("The cuts changed while planning, and were left as they are: plan again to replace them.")
        session.editor.place_cuts(found.cuts, following=live)
        widget._desk.keep(found, question)
        widget.status = found.sentence()
        widget._show_cuts()
        return {"plan": wire.plan(found, [] if live else widget._desk.front())}


def _times(found: Measurement, graph: LayerGraph) -> list[float | None]:
    """Give each call the milliseconds of the segment that it is in: how they divide among its calls is not known.

    A raw input takes none. A call inside a layer that was measured as one call is in the segment of that.
    """
    measured = {name: segment.ms for segment in found for name in segment.calls}

    def time(name: str) -> float | None:
        while name and name not in measured:
            name = name.rpartition("/")[0]
        return measured.get(name)

    return [0.0 if call.is_input else time(call.name) for call in graph]


def _number(message: Message, name: str) -> int:
    value = message.get(name)
    if not isinstance(value, int):
        raise SplitError(f"The front end gave {value!r:.40} for {name}, which is to be a whole number.")
    return value
