"""The Makefile's targets: ``python -m tools.make TARGET``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from tools import environment, lowest, node, suite
from tools.console import ROOT, ToolError, apt_install, as_root_on_debian, clean_environ, run, say

__all__ = ["main"]


def demo() -> int:
    """Run the quickstart once, show its result, then serve it in JupyterLab."""
    python = environment.ensure(["lab"])
    # Replaces this process, so that Ctrl-C has one receiver.
    environ = clean_environ(TF_CPP_MIN_LOG_LEVEL="2")
    os.chdir(ROOT)
    os.execve(python, [str(python), "-m", "tools.demo"], environ)


def test() -> int:
    """Run every step of the suite."""
    return suite.everything(environment.ensure(["lab", "test", "docs"]))


def test_lowest() -> int:
    """Run the Python tests on the oldest versions allowed."""
    return suite.lowest(lowest.ensure_lowest())


def lint() -> int:
    """Run linters and type checks only."""
    return suite.linters(environment.ensure(["lab", "test"]))


def bench() -> int:
    """Measure opening, splitting, planning and drawing against what others do."""
    python = environment.ensure(["lab", "test"])
    # plot_model calls graphviz's dot.
    if not run(["dot", "-V"], quiet=True) and as_root_on_debian():
        apt_install("graphviz")
    if not run(["dot", "-V"], quiet=True):
        raise ToolError(
            "The benchmark compares with keras.utils.plot_model, which needs Graphviz. Debian,"
            " Ubuntu: apt-get install graphviz (as root); macOS: brew install graphviz."
        )
    peers = ROOT / "benchmarks" / "peers"
    if not node.npm(node.environ_with_node(python), "ci", "--no-audit", "--no-fund", cwd=peers):
        raise ToolError("dagre and elk could not be installed; npm's own message is above.")
    environ = node.environ_with_node(python)
    environ.update(TF_CPP_MIN_LOG_LEVEL="2", CUDA_VISIBLE_DEVICES="-1", PYTHONPATH=str(ROOT))
    parts = ("benchmarks.bench", "benchmarks.plans", "benchmarks.layouts", "benchmarks.growth", "benchmarks.browser")
    good = [run([python, "-m", part], environ=environ) for part in parts]  # each, also after a failure
    return 0 if all(good) else 1


def notebooks() -> int:
    """Run every notebook in full."""
    python = environment.ensure(["lab", "test"])
    return 0 if run([python, "-m", "tools.notebooks"], environ=clean_environ(TF_CPP_MIN_LOG_LEVEL="2")) else 1


def docs() -> int:
    """Build the documentation into build/docs."""
    python = environment.ensure(["lab", "docs"])
    return 0 if run([python, "-m", "tools.docs"], environ=clean_environ(TF_CPP_MIN_LOG_LEVEL="2")) else 1


def js() -> int:
    """Build the bundle in place."""
    environ = node.environ_with_node(environment.ensure(["lab"]))
    if not (node.install_packages(environ) and node.npm(environ, "run", "build")):
        raise ToolError("The bundle could not be built; npm's own message is above.")
    return 0


TARGETS: dict[str, Callable[[], int]] = {
    "demo": demo,
    "test": test,
    "test-lowest": test_lowest,
    "bench": bench,
    "notebooks": notebooks,
    "docs": docs,
    "js": js,
    "lint": lint,
}


def main(arguments: list[str]) -> int:
    """Run one target; trouble is told in a sentence."""
    if len(arguments) != 1 or arguments[0] not in TARGETS:
        say(f"One of these is wanted: {', '.join(TARGETS)}.")
        return 2
    try:
        return TARGETS[arguments[0]]()
    except ToolError as trouble:
        say(f"\n{trouble}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped. Running it again goes on from here.")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
