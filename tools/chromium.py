"""Find a Chromium that runs: the system's, else from the package manager, else playwright's."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tools.console import ToolError, apt_install, as_root_on_debian, run, say

__all__ = ["ensure", "find"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
# Asks playwright where its own Chromium is (or would be).
_OWN = "from playwright.sync_api import sync_playwright\nwith sync_playwright() as p: print(p.chromium.executable_path)"


def find() -> str | None:
    """Return the path of an installed Chromium or Chrome that starts, or None.

    Starting it tells the real one from Ubuntu's ``chromium-browser``, a script that only says
    that a snap is needed.
    """
    for name in (*_NAMES, *_MAC):
        path = shutil.which(name)
        if path and run([path, "--version"], quiet=True):
            return path
    return None


def ensure(python: Path) -> str:
    """Return the path of a Chromium that starts, installing one if need be."""
    path = find()
    if path is None and as_root_on_debian():
        apt_install("chromium")  # on Ubuntu there is no such package: then the next step
        path = find()
    if path is None:
        path = _playwright(python)
    if path is None:
        raise ToolError(
            "The browser tests need Chromium or Chrome, and none could be installed. Debian:"
            " apt-get install chromium (as root); macOS: brew install --cask google-chrome;"
            " then run this again."
        )
    return path


def _playwright(python: Path) -> str | None:
    say("No Chromium here: asking playwright for its own ...")
    # As root the libraries it needs come along; otherwise they have to be there.
    extra = ["--with-deps"] if as_root_on_debian() else []
    if not run([python, "-m", "playwright", "install", *extra, "chromium"]):
        return None
    path = _own_path(python)
    return path if path and run([path, "--version"], quiet=True) else None


def _own_path(python: Path) -> str | None:
    done = subprocess.run([python, "-c", _OWN], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None if done.returncode == 0 else None
