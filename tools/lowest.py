"""The lowest versions: what pyproject.toml promises must be what tools/lowest.txt pins."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tools import environment
from tools.console import ROOT, ToolError

__all__ = ["CONSTRAINTS", "check_bounds", "ensure_lowest"]

CONSTRAINTS = ROOT / "tools" / "lowest.txt"


def check_bounds() -> dict[str, str]:
    """Return name -> lowest version; raise :class:`ToolError` if the two files disagree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = dict(_pair(line, ">=") for line in project["dependencies"])
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    pinned = dict(_pair(line, "==") for line in lines if line and not line.startswith("#"))
    for name in sorted(promised.keys() | pinned.keys()):
        low, pin = promised.get(name), pinned.get(name)
        # "3.10" and "3.10.0" are one version.
        if low is None or pin is None or _numbers(low) != _numbers(pin):
            raise ToolError(f"{name}: pyproject.toml says {low or 'nothing'}, tools/lowest.txt {pin or 'nothing'}.")
    return pinned


def ensure_lowest() -> Path:
    """Make the environment with exactly these versions; return its interpreter."""
    pinned = check_bounds()
    if sys.version_info >= (3, 13):
        raise ToolError(
            "TensorFlow 2.18 has no wheels for Python 3.13 and newer. Name an older one:"
            " make LOWEST_PYTHON=/path/to/python3.11 test-lowest"
        )
    python = environment.ensure(["unit"], folder=environment.LOWEST_VENV, constraints=CONSTRAINTS)
    code = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"
    answer = subprocess.run([python, "-c", code, *pinned], capture_output=True, text=True, check=True).stdout.split()
    for (name, pin), found in zip(pinned.items(), answer, strict=True):
        if _numbers(found) != _numbers(pin):
            raise ToolError(f"{name} {found} is installed where {pin} should be.")
    return python


def _pair(line: str, operator: str) -> tuple[str, str]:
    found = re.fullmatch(rf"([A-Za-z0-9_-]+){operator}([0-9.]+)", line.strip())
    if not found:
        raise ToolError(f"{line!r} is not of the form name{operator}version.")
    return found[1], found[2]


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(word) for word in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
