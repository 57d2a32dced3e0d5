"""Build the documentation with Sphinx: ``python -m tools.docs``. Runs inside the environment.

Every page's code is run while it is built; a warning fails the build. ``--quick`` only looks whether pages, references
and docstrings fit together: it runs no code, which takes seconds instead of minutes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.console import BUILD, ROOT, clean_environ, say

__all__ = ["main"]

SOURCE = ROOT / "docs"
TARGET = BUILD / "docs"
WORK = BUILD / "docs-work"
"""What Sphinx remembers, its log, and a Jupyter of its own: the reader's settings are not used."""

_RUN = ("-b", "html")
_QUICK = ("-b", "dummy", "-D", "nb_execution_mode=off", "-D", "suppress_warnings=myst-nb.lexer")
"""A page whose code is not run does not know the language of it."""


def main(arguments: Sequence[str] = ()) -> int:
    """Build into ``build/docs``, from nothing; tell where to look. ``--quick`` looks only, and writes nothing there."""
    quick = list(arguments) == ["--quick"]
    if arguments and not quick:
        say(f"--quick is all that there is to say; found {' '.join(arguments)}.")
        return 2
    for folder in (WORK,) if quick else (TARGET, WORK):
        shutil.rmtree(folder, ignore_errors=True)
    (WORK / "ipython").mkdir(parents=True)
    environ = clean_environ(
        TF_CPP_MIN_LOG_LEVEL="3",
        CUDA_VISIBLE_DEVICES="-1",
        PYTHONPATH=str(ROOT),
        JUPYTER_CONFIG_DIR=str(WORK / "config"),
        JUPYTER_DATA_DIR=str(WORK / "data"),
        JUPYTER_PREFER_ENV_PATH="1",
        IPYTHONDIR=str(WORK / "ipython"),
    )
    warnings, log = WORK / "warnings.txt", WORK / "log.txt"
    words: list[str | Path] = ["-W", "--keep-going", *(_QUICK if quick else _RUN), "-d", WORK / "doctrees"]
    if not quick:
        say("Building the documentation; its code is run, which takes a few minutes ...")
    with log.open("wb") as sink:  # the kernels talk a lot (TensorFlow's greetings)
        done = subprocess.run(
            [sys.executable, "-m", "sphinx", *words, "-w", warnings, SOURCE, TARGET],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            check=False,
        )
    if done.returncode:
        found = warnings.read_text(encoding="utf-8").strip() if warnings.is_file() else ""
        say(f"{found}\n\nThe documentation could not be built; everything it said is in {log.relative_to(ROOT)}.")
        return 1
    if quick:
        say("Pages, references and docstrings fit together.")
        return 0
    say(f"The documentation is in {(TARGET / 'index.html').relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
