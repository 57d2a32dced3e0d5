"""Browser and servers once for the session, a page for each test."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from browser.harness import APPS, NotebookPage, Server, jupyter_server, launch

SHOTS = Path(__file__).resolve().parents[2] / "build" / "browser"


@pytest.fixture(scope="session", autouse=True)
def end_as_with_ctrl_c() -> None:
    """Have a plain `kill` run the fixtures' ends: a server in its own session outlives us else."""

    def interrupt(number, frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session", params=APPS)
def server(request, tmp_path_factory) -> Iterator[Server]:
    with jupyter_server(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture
def shots(server) -> Path:
    """Folder for screenshots of this application; not in git."""
    folder = SHOTS / server.app
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def notebook(chromium, server, shots, request) -> Iterator[NotebookPage]:
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    opened = NotebookPage(context.new_page(), server)
    yield opened
    # Told from the test's outcome in `pytest_runtest_makereport`.
    failed = getattr(request.node, "failed_in_call", False)
    if failed:
        opened.page.screenshot(path=str(shots / f"failed-{request.node.originalname}.png"))
    # Closing the page first: a page whose kernel goes away opens a dialog.
    context.close()
    server.stop_kernels()
    opened.assert_clean()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        item.failed_in_call = report.failed
    return report


def pytest_collection_modifyitems(config, items) -> None:
    """Everything in this folder is a browser test; those of a file that says so run in JupyterLab alone."""
    here = Path(__file__).parent
    left_out = []
    for item in items:
        if here not in item.path.parents:
            continue
        item.add_marker(pytest.mark.browser)
        app = getattr(item, "callspec", None) and item.callspec.params.get("server")
        if getattr(item.module, "ONLY_LAB", False) and app not in (None, "lab"):
            left_out.append(item)
    if left_out:  # the other application draws the same widget; the main job is tried in both
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
