"""What the scripts share: the repository, one way to speak, to fail and to run a program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = [
    "BUILD",
    "ROOT",
    "ToolError",
    "apt_install",
    "as_root_on_debian",
    "clean_environ",
    "run",
    "say",
]

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

# Settings of the caller's shell that would send installs or imports somewhere else.
_LEAKS = ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "VIRTUAL_ENV")


class ToolError(Exception):
    """A failure that is told in a sentence; ``__main__`` prints it without a stack trace."""


def say(text: str) -> None:
    """Print a line of progress at once, also into a pipe."""
    print(text, flush=True)


def clean_environ(**more: str) -> dict[str, str]:
    """Return this process's environment without what would leak into a child, plus ``more``."""
    environ = {name: value for name, value in os.environ.items() if name not in _LEAKS}
    environ.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1", PIP_ROOT_USER_ACTION="ignore")
    return environ | more


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path = ROOT,
    environ: Mapping[str, str] | None = None,
    quiet: bool = False,
) -> bool:
    """Run a program to its end; tell whether it succeeded. ``quiet`` hides what it prints."""
    sys.stdout.flush()
    sink = subprocess.DEVNULL if quiet else None
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env=dict(environ) if environ is not None else clean_environ(),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def as_root_on_debian() -> bool:
    """Whether packages can be installed with apt-get without asking anybody."""
    return sys.platform == "linux" and os.geteuid() == 0 and run(["apt-get", "--version"], quiet=True)


def apt_install(package: str) -> bool:
    """Install a Debian/Ubuntu package; tell whether that succeeded. Call as root only."""
    say(f"Installing {package} with apt-get ...")
    environ = clean_environ(DEBIAN_FRONTEND="noninteractive")
    command = ["apt-get", "install", "-y", "--no-install-recommends", package]
    # Lists may be missing (fresh container) or stale, so they are fetched first.
    return run(["apt-get", "update"], environ=environ, quiet=True) and run(command, environ=environ, quiet=True)
