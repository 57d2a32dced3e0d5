"""``make notebooks``: run every tutorial in full, and tell how long each took. Runs inside the environment.

Names of notebooks may be given; the executed copies are in ``build/notebooks``.
"""

from __future__ import annotations

import sys
import time

from tools.console import BUILD, ROOT, ToolError, say
from tools.demo import run_notebook

__all__ = ["LIMIT", "main"]

NOTEBOOKS = ROOT / "notebooks"

LIMIT = 600.0
"""Seconds that a tutorial may take on two cores."""


def main(names: list[str]) -> int:
    """Run the notebooks of these names, or all; 1 if one failed or took too long."""
    known = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    unknown = sorted(set(names) - set(known))
    if unknown:
        say(f"There is no notebook {', '.join(unknown)}; there are {', '.join(known)}.")
        return 2
    rows: list[tuple[str, float, str]] = []
    for name in names or known:
        say(f"\n--- {name}")
        start, trouble = time.monotonic(), ""
        try:
            run_notebook(NOTEBOOKS / f"{name}.ipynb", BUILD / "notebooks" / f"{name}.ipynb")
        except ToolError as error:
            trouble = str(error)
            say(trouble)
        seconds = time.monotonic() - start
        rows.append((name, seconds, trouble or ("" if seconds <= LIMIT else "more than ten minutes")))
    say("\n--- summary")
    width = max(len(name) for name, *_ in rows)
    for name, seconds, trouble in rows:
        say(f"{'FAILED' if trouble else 'ok    '}  {name:<{width}}  {seconds:6.1f} s  {trouble}".rstrip())
    return 1 if any(trouble for *_, trouble in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
