"""Build the wheel where no Node can be found and check what is in it."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path

from tools.console import BUILD, ROOT, ToolError, clean_environ, run, say

__all__ = ["check_wheel"]

_STATIC = "kerassplit_widget/display/static/"


def check_wheel(python: Path) -> None:
    """Build the wheel; raise :class:`ToolError` unless it is what people install.

    The committed bundle is in it, and the mark of a typed package, and nothing beside the package; its version is the
    one that the package tells.
    """
    out = BUILD / "wheel"
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="kerassplit-empty-path-") as nothing:
        environ = clean_environ(PATH=nothing)
        command: list[str | Path] = [
            python,
            "-m",
            "pip",
            "wheel",
            "-qq",
            "--no-deps",
            "--wheel-dir",
            out,
            ROOT,
        ]
        if not run(command, environ=environ):
            raise ToolError("The wheel could not be built; pip's own message is above.")
    (wheel,) = out.glob("kerassplit_widget-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        for name in (_STATIC + "widget.js", _STATIC + "widget.css", "kerassplit_widget/py.typed"):
            if name not in names:
                raise ToolError(f"{wheel.name} does not contain {name}.")
            if archive.read(name) != (ROOT / name).read_bytes():
                raise ToolError(f"{name} in {wheel.name} is not the committed file.")
    strangers = [n for n in names if not n.startswith(("kerassplit_widget/", "kerassplit_widget-"))]
    if strangers:
        raise ToolError(f"{wheel.name} contains what is not the package: {', '.join(strangers)}.")
    version = _version()
    if wheel.name.split("-")[1] != version:
        raise ToolError(f"{wheel.name} is of another version than the package tells: {version}.")
    say(f"{wheel.name}: {len(names)} files, widget.js, widget.css and py.typed among them, no Node on PATH")


def _version() -> str:
    """Read what the package tells, without importing it."""
    for line in (ROOT / "kerassplit_widget" / "__init__.py").read_text(encoding="utf-8").splitlines():
        if line.startswith("__version__ = "):
            return line.removeprefix("__version__ = ").strip('"')
    raise ToolError("kerassplit_widget/__init__.py tells no version.")
