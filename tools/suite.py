"""``make test``: every step runs, the summary tells which failed, one failure fails the whole."""

from __future__ import annotations

import os
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools import chromium, node, wheel
from tools import lowest as lowest_versions
from tools.console import BUILD, ToolError, clean_environ, run, say

__all__ = ["everything", "linters", "lowest"]


@dataclass(frozen=True, slots=True)
class Step:
    """A named check; ``report`` is the JUnit file of a step that runs tests."""

    name: str
    check: Callable[[], bool]
    report: Path | None = None


def everything(python: Path) -> int:
    """JavaScript, linters, types, package, documentation, Python tests, browser tests."""
    environ = node.environ_with_node(python)
    browser = chromium.ensure(python)
    return _report([*_javascript(environ), *_linters(python), *_python(python, browser)])


def linters(python: Path) -> int:
    """Only what reads the code without running it."""
    environ = node.environ_with_node(python)
    packages, check, *_ = _javascript(environ)
    return _report([packages, check, *_linters(python)])


def lowest(python: Path) -> int:
    """Run the Python tests that need no browser."""
    # What these need is not installed there: KerasHub and other backends follow the newest Keras.
    left_out = ("test_keras_hub.py", "test_backends.py")
    ignored = [f"--ignore=tests/models/{name}" for name in left_out]
    ignored += ["--ignore=tests/notebooks", "--ignore=tests/docs"]  # they need Jupyter, and show the newest
    return _report([_pytest(python, "python tests, lowest versions", [*_unit(), *ignored])])


def _javascript(environ: dict[str, str]) -> list[Step]:
    report = BUILD / "javascript.xml"
    junit = ["--reporter=default", "--reporter=junit", f"--outputFile.junit={report}"]

    def bundle() -> bool:
        stale = node.stale_bundle_files(environ)
        if stale:
            say(f"Not what js/ builds: {', '.join(stale)}. `make js` builds and replaces them.")
        return not stale

    return [
        Step("npm ci", lambda: node.install_packages(environ)),
        Step("javascript check", lambda: node.npm(environ, "run", "check")),
        Step("javascript tests", lambda: node.npm(environ, "test", "--", *junit), report),
        Step("bundle is what js/ builds", bundle),
    ]


def _linters(python: Path) -> list[Step]:
    def tool(*words: str) -> Callable[[], bool]:
        return lambda: run([python, "-m", *words])

    return [
        Step("ruff check", tool("ruff", "check", ".")),
        Step("ruff format", tool("ruff", "format", "--check", ".")),
        Step("mypy", tool("mypy")),
    ]


def _python(python: Path, browser: str) -> list[Step]:
    def bounds() -> bool:
        return bool(lowest_versions.check_bounds())

    def package() -> bool:
        wheel.check_wheel(python)
        return True

    return [
        Step("lower bounds", bounds),
        Step("wheel", package),
        # Their code is run by the Python tests.
        Step("documentation", lambda: run([python, "-m", "tools.docs", "--quick"])),
        _pytest(python, "python tests", _unit()),
        _pytest(python, "browser tests", _in_browser(), KERASSPLIT_CHROMIUM=browser),
    ]


def _unit() -> list[str]:
    """Leave the browser's folder out, not only its marker: it imports what others need not have."""
    workers = min(4, os.cpu_count() or 1)
    return ["--ignore=tests/browser", "-n", str(workers), "--dist", "worksteal"]


def _in_browser() -> list[str]:
    """Start a browser, and a server for each application, for each of two workers: the tests mostly wait."""
    return ["-m", "browser", "-n", "2", "--dist", "loadfile"]


def _pytest(python: Path, name: str, words: Sequence[str], **environ: str) -> Step:
    report = BUILD / f"{name.replace(' ', '-').replace(',', '')}.xml"
    command: list[str | Path] = [python, "-m", "pytest", "-q", f"--junitxml={report}", *words]

    def check() -> bool:
        return run(command, environ=clean_environ(TF_CPP_MIN_LOG_LEVEL="2", **environ))

    return Step(name, check, report)


def _report(steps: Sequence[Step]) -> int:
    BUILD.mkdir(exist_ok=True)
    rows: list[tuple[str, bool, float, str]] = []
    passed = failed = skipped = 0
    for step in steps:
        say(f"\n--- {step.name}")
        if step.report:
            step.report.unlink(missing_ok=True)
        start = time.monotonic()
        try:
            good = step.check()
        except ToolError as trouble:
            say(str(trouble))
            good = False
        note = ""
        if step.report:
            counts = _counts(step.report)
            note = f"{counts[0]} passed, {counts[1]} failed"
            if counts[2]:
                # Everything a test needs is installed here, so a skip hides something.
                note += f", {counts[2]} skipped"
                good = False
            good = good and counts[0] > 0
            passed, failed, skipped = passed + counts[0], failed + counts[1], skipped + counts[2]
        # A step without tests of its own counts as one, as does a runner that broke down.
        if not step.report:
            passed, failed = passed + good, failed + (not good)
        elif not good and not counts[1]:
            failed += 1
        rows.append((step.name, good, time.monotonic() - start, note))
    say("\n--- summary")
    width = max(len(name) for name, *_ in rows)
    for name, good, seconds, note in rows:
        say(f"{'ok    ' if good else 'FAILED'}  {name:<{width}}  {seconds:6.1f} s  {note}".rstrip())
    total = sum(seconds for _, _, seconds, _ in rows)
    say(f"{'':8}{'in all':<{width}}  {total:6.1f} s")
    say(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or skipped else 0


def _counts(report: Path) -> tuple[int, int, int]:
    """Count passed, failed and skipped in a JUnit file; nothing if there is none."""
    if not report.is_file():
        return 0, 0, 0
    passed = failed = skipped = 0
    for case in ElementTree.parse(report).iter("testcase"):
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif skip is not None and skip.get("type") != "pytest.xfail":
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped
