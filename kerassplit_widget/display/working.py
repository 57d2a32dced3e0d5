"""Long work beside the notebook: in a thread of its own, with progress, and stopped when asked to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kerassplit_widget.errors import SplitError

__all__ = ["Busy", "StoppedError", "Worker"]

Busy = dict[str, object]
"""What the front end shows of the work under way: ``what``, ``done``, ``total``. Empty: nothing is."""

_EVERY, _SOON = 0.1, 0.02
"""Seconds between two reports of progress, and before one that says that something else is done now: a front end is not
to be flooded, nor told the name of a short step all along a long one."""


class StoppedError(SplitError):
    """The work was stopped because somebody asked for it."""


class Worker:
    """Does one piece of long work at a time.

    Parameters
    ----------
    show : callable
        Is given what to show of the work, at the beginning, now and then, and at the end.
    """

    def __init__(self, show: Callable[[Busy], None]) -> None:
        self._show = show
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._what = ""
        self._said = ""
        self._shown = 0.0

    @property
    def busy(self) -> bool:
        """Whether work is under way."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, what: str, job: Callable[[], None]) -> None:
        """Begin a piece of work and return at once; where there are no threads, do it.

        Parameters
        ----------
        what : str
            For people, e.g. ``"verifying"``.
        job : callable
            Should call `tell` often. Whatever it raises is its own business.

        Raises
        ------
        SplitError
            If other work is under way.
        """
        if self.busy:
            raise SplitError(f"The kernel is still {self._what}: wait for it, or press Cancel.")
        self._stop.clear()
        self._what, self._said, self._shown = what, what, 0.0
        self._show({"what": what, "done": 0, "total": 0})
        self._thread = threading.Thread(target=self._run, args=(job,), name="kerassplit", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # a Python in the browser has no threads
            self._thread = None
            self._run(job)

    def tell(self, done: int, total: int, what: str) -> None:
        """Say how far the work has come.

        Raises
        ------
        StoppedError
            If it is to stop.
        """
        self.check()
        now = time.monotonic()
        if now - self._shown >= (_EVERY if what == self._said else _SOON):
            self._shown, self._said = now, what
            self._show({"what": what, "done": done, "total": total})

    def check(self) -> None:
        """Raise `StoppedError` if the work is to stop."""
        if self._stop.is_set():
            raise StoppedError(f"Stopped {self._what}. Nothing was changed.")

    @property
    def stopping(self) -> bool:
        """Whether the work is to stop."""
        return self._stop.is_set()

    def cancel(self) -> None:
        """Ask the work to stop at its next step."""
        self._stop.set()

    def join(self) -> None:
        """Wait until the work is done."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self, job: Callable[[], None]) -> None:
        try:
            job()
        finally:
            self._show({})
