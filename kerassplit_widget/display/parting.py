"""The parts of the present cuts: built once, by whoever wants them first, and put into the notebook."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from kerassplit_widget.display import notebook
from kerassplit_widget.display.session import Session
from kerassplit_widget.models.splitting import Split, split

__all__ = ["Parting"]


class Parting:
    """The parts of one widget.

    Parameters
    ----------
    session : Session
    cuts : callable
        Gives the cuts as they are now.
    """

    def __init__(self, session: Session, cuts: Callable[[], list[list[str]]]) -> None:
        self._session, self._cuts = session, cuts
        self._built: tuple[list[list[str]], dict[str, Any], Split] | None = None
        self._building = threading.Lock()
        self._put: dict[str, weakref.ref[Any]] = {}

    @property
    def split(self) -> Split | None:
        """The parts of the present cuts, once they are built."""
        if self._built is None:
            return None
        cuts, options, made = self._built
        # Compared whenever it is asked for: cuts may have changed while another thread was building.
        return made if cuts == self._cuts() and options == self._session.options else None

    def build(self) -> Split:
        """Build the parts of the present cuts, once. Should the cuts change meanwhile, `split` is not what is returned.

        The worker and the notebook may both want them: one builds, the other waits.
        """
        with self._building:
            if (known := self.split) is not None:
                return known
            cuts, options = self._cuts(), self._session.options
            made = split(self._session.model, [tuple(points) for points in cuts], **options)
            self._built = (cuts, options, made)
            return made

    def forget(self) -> None:
        """Let go of the parts: the cuts have changed."""
        self._built = None

    def put(self, names: Sequence[str], parts: Split) -> bool:
        """Put parts into variables of the notebook, and all of them into ``split``; False where there is none."""
        values = {**dict(zip(names, parts, strict=True)), notebook.SPLIT: parts}
        there = notebook.put(values)
        self._put = {name: weakref.ref(value) for name, value in values.items()}
        return there

    def names_in_use(self, names: Sequence[str]) -> list[str]:
        """List which of the names hold something else in the notebook than what was put there from here."""
        return notebook.in_use([*names, notebook.SPLIT], self._put)
