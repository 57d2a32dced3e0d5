"""The parts of the present cuts: built once, by whoever wants them first, and put into the notebook."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from kerassplit_widget.display import notebook
from kerassplit_widget.display.session import Session
from kerassplit_widget.errors import CutError
from kerassplit_widget.models.splitting import Split, split
from kerassplit_widget.models.verifying import Verification

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
        self._proved: tuple[Split, Verification] | None = None
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

    @property
    def proof(self) -> Verification | None:
        """What was proved of the parts of the present cuts."""
        return self._proved[1] if self._proved is not None and self._proved[0] is self.split else None

    @property
    def verdict(self) -> str:
        """Say in a few words what is known of the parts of the present cuts."""
        if self.proof is None:
            return "verify to prove that they equal the model"
        return "proved equal to the model" if self.proof.ok else "verifying found that they differ from the model"

    def keep(self, parts: Split, proof: Verification) -> None:
        """Keep what was proved of parts for as long as they are those of the present cuts."""
        self._proved = parts, proof

    def names(self, text: str | Sequence[str]) -> list[str]:
        """Take the variable names of the parts from what was given.

        Raises
        ------
        CutError
            If no cut is placed.
        NamingError
            As `notebook.parse_names`.
        """
        self.require_cuts()
        return notebook.parse_names(text, len(self._cuts()) + 1)

    def require_cuts(self) -> None:
        """Raise `CutError` if no cut is placed."""
        if not self._cuts():
            raise CutError("No cut is placed. Choose a call to cut after first.")

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
        self._built = self._proved = None

    def put(self, names: Sequence[str], parts: Split) -> bool:
        """Put parts into variables of the notebook, and all of them into ``split``; False where there is none."""
        values = {**dict(zip(names, parts, strict=True)), notebook.SPLIT: parts}
        there = notebook.put(values)
        self._put = {name: weakref.ref(value) for name, value in values.items()}
        return there

    def names_in_use(self, names: Sequence[str]) -> list[str]:
        """List which of the names hold something else in the notebook than what was put there from here."""
        return notebook.in_use([*names, notebook.SPLIT], self._put)
