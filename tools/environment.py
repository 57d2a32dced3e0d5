"""Make the virtual environment, once, and mend it when it is half-made or out of date."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tools.console import ROOT, ToolError, apt_install, as_root_on_debian, clean_environ, run, say

__all__ = ["LOWEST_VENV", "VENV", "ensure", "install"]

VENV = ROOT / ".venv"
LOWEST_VENV = ROOT / ".venv-lowest"


def ensure(extras: Iterable[str], *, folder: Path = VENV, constraints: Path | None = None) -> Path:
    """Return the interpreter of an environment that has the package (editable) and ``extras``.

    A stamp is written last, so an environment without one was interrupted and is made again, as
    is one whose stamp tells of another Python, place or set of dependencies. Extras that are
    missing from a good environment are added to it.
    """
    wanted = set(extras)
    python = folder / "bin" / "python"
    stamp = folder / "kerassplit-stamp.json"
    identity = _identity(constraints)
    made = _read(stamp)
    good = made.get("identity") == identity and python.exists()
    have = set(map(str, made.get("extras", []))) if good else set()
    if good and wanted <= have:
        return python
    stamp.unlink(missing_ok=True)
    if not good:
        _make(folder)
    names = ",".join(sorted(wanted | have))
    say(f"Installing kerassplit-widget[{names}] into {folder.name} (TensorFlow is large) ...")
    # The build backend's editable install, so that edits are seen without installing again.
    install(python, "--editable", f"{ROOT}[{names}]", constraints=constraints)
    stamp.write_text(json.dumps({"identity": identity, "extras": sorted(wanted | have)}))
    return python


def install(python: Path, *what: str, constraints: Path | None = None) -> None:
    """Install with pip; a :class:`ToolError` says what to look at when that fails."""
    limits = ["--constraint", str(constraints)] if constraints else []
    command: list[str | Path] = [python, "-m", "pip", "install", "-qq", *limits, *what]
    if not run(command, environ=clean_environ()):
        version = ".".join(map(str, sys.version_info[:2]))
        raise ToolError(
            "Installing failed; pip's own message is above. Is the network there, is there 3 GB"
            f" of disk, and does TensorFlow have a wheel for Python {version} (it supports the"
            " newest Python late)? Another one: make PYTHON=/path/to/python3.12 ..."
        )


def _identity(constraints: Path | None) -> str:
    """Digest of everything an environment depends on; settings of linters are not part of it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    facts = {
        "root": str(ROOT),
        "python": sys.version,
        "build-system": project["build-system"],
        "project": project["project"],
        "constraints": constraints.read_text(encoding="utf-8") if constraints else "",
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _read(stamp: Path) -> dict[str, Any]:
    try:
        content = json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _make(folder: Path) -> None:
    version = ".".join(map(str, sys.version_info[:2]))
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        # Debian and Ubuntu ship Python without these two.
        package = f"python{version}-venv"
        if not (as_root_on_debian() and apt_install(package)):
            raise ToolError(
                f"Python {version} has no venv module. Debian, Ubuntu: apt-get install {package}"
                " (as root); then run this again."
            )
    say(f"Making {folder.name} with Python {sys.version.split()[0]} ...")
    if os.path.lexists(folder):
        shutil.rmtree(folder)
    if not run([sys.executable, "-m", "venv", folder]):
        raise ToolError(f"{sys.executable} -m venv {folder.name} failed; its own message is above.")
