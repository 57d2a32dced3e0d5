"""JupyterLab and Notebook 7 on loopback, driven through Chromium by what they really do.

Every wait is for a state of the application (kernel idle, execution finished, text shown), never
for time to pass; limits only end a test that would hang.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, Playwright, expect

from tools import chromium

__all__ = [
    "APPS",
    "LIMIT",
    "UI_LIMIT",
    "NotebookPage",
    "Server",
    "free_port",
    "jupyter_server",
    "launch",
    "notebook_file",
    "serving",
]

APPS = ("lab", "notebook")

LIMIT = 180.0
"""Seconds after which a wait has failed: building ResNet50 on a busy machine takes a while."""

UI_LIMIT = 30.0
"""The same for what the page does by itself."""

# Notebook 7.6 says this at its start, from its settings registry, with no widget in sight.
_OF_THE_APPLICATION = {"Cannot read properties of undefined (reading 'schema')"}

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# `jupyterapp` exists because of expose_app_in_browser. The session context is asked, not the
# toolbar: that says "idle" before there is a kernel, and a "Select Kernel" dialog may follow.
_READY = """async limit => {
  const end = Date.now() + limit;
  // `test` tells by being truthy, also with a promise: that of `restored` gives nothing at all.
  const until = async (test, what) => {
    while (!test()) {
      if (Date.now() > end) throw new Error(`timed out waiting for ${what}`);
      await new Promise(frame => requestAnimationFrame(frame));
    }
  };
  await until(() => window.jupyterapp?.restored, "the application");
  await jupyterapp.restored;
  await until(() => jupyterapp.shell.currentWidget?.sessionContext, "the notebook panel");
  const panel = jupyterapp.shell.currentWidget;
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.revealed;
  await until(() => panel.sessionContext.session?.kernel?.status === "idle", "an idle kernel");
  await until(() => jupyterapp.commands.hasCommand("notebook:run-all-cells"), "the commands");
}"""

# The commands' promises resolve when the cells have been executed.
_LIMITED = """
  const limited = (work, what) => Promise.race([
    work,
    new Promise((_, fail) => setTimeout(() => fail(new Error(`timed out: ${what}`)), limit)),
  ]);
"""

_RUN_ALL = f"""async limit => {{ {_LIMITED}
  await limited(jupyterapp.commands.execute("notebook:run-all-cells"), "run all cells");
}}"""

_RUN_CODE = f"""async ([code, limit]) => {{ {_LIMITED}
  const notebook = jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = notebook.widgets.length - 1;
  notebook.deselectAll();
  await jupyterapp.commands.execute("notebook:insert-cell-below");
  notebook.activeCell.model.sharedModel.setSource(code);
  const model = notebook.activeCell.model;
  await limited(jupyterapp.commands.execute("notebook:run-cell"), "run cell");
  return model.outputs.toJSON();
}}"""

_OUTPUTS = """() => jupyterapp.shell.currentWidget.content.widgets
  .filter(cell => cell.model.type === "code")
  .map(cell => cell.model.outputs.toJSON())"""

# Asks the kernel beside the notebook: no cell is made, nothing scrolls.
_ASK = f"""async ([code, limit]) => {{ {_LIMITED}
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({{
    code, silent: false, store_history: false, stop_on_error: false,
  }});
  let text = "";
  let error = null;
  future.onIOPub = message => {{
    if (message.header.msg_type === "stream" && message.content.name === "stdout") {{
      text += message.content.text;
    }}
    if (message.header.msg_type === "error") error = message.content.traceback.join("\\n");
  }};
  await limited(future.done, "kernel reply");
  if (error) throw new Error(error);
  return text;
}}"""


def launch(playwright: Playwright) -> Browser:
    """Start the Chromium that ``make test`` found, else the one that is on this machine."""
    path = os.environ.get("KERASSPLIT_CHROMIUM") or chromium.find()
    return playwright.chromium.launch(executable_path=path, headless=True, args=_FLAGS)


def notebook_file(path: Path, *sources: str) -> Path:
    """Write a notebook with these code cells."""
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": source.strip("\n"),
        }
        for number, source in enumerate(sources)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": kernel},
        "cells": cells,
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Server:
    """A running application: where it is, how to get in, and which folder it serves."""

    app: str
    url: str
    token: str
    work: Path

    def address(self, name: str) -> str:
        """Return the address of a notebook in a clean workspace."""
        path = "lab/tree/{}?reset&token={}" if self.app == "lab" else "notebooks/{}?token={}"
        return f"{self.url}/{path.format(urllib.parse.quote(name), self.token)}"

    def stop_kernels(self) -> None:
        """End the kernels, so that a model does not stay in memory for the next test."""
        for session in json.loads(self._call("GET", "/api/sessions")):
            with contextlib.suppress(OSError):
                self._call("DELETE", f"/api/sessions/{session['id']}")

    def _call(self, method: str, path: str) -> bytes:
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(self.url + path, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            body: bytes = answer.read()
        return body


def world(root: Path) -> dict[str, str]:
    """Return the environment of a server that knows no other folder than this one and no other machine."""
    return os.environ | {
        "JUPYTER_CONFIG_DIR": str(root / "config"),
        "JUPYTER_DATA_DIR": str(root / "data"),
        "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(root / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(root / "workspaces"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "IPYTHONDIR": str(root / "ipython"),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "CUDA_VISIBLE_DEVICES": "-1",
        # Kernels ask no other machine either: weights are neither fetched nor found in a cache,
        # so that every run is the run of a machine without network. Port 9 refuses at once.
        "KERAS_HOME": str(root / "keras"),
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1,localhost",
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "no_proxy": "127.0.0.1,localhost",
    }


@contextlib.contextmanager
def jupyter_server(app: str, root: Path) -> Iterator[Server]:
    """Run ``jupyter lab`` or ``jupyter notebook`` in a world of its own below ``root``."""
    port, token = free_port(), secrets.token_hex(16)
    work, config, settings = root / "work", root / "config", root / "settings"
    for folder in (work, config):
        folder.mkdir(parents=True)
    _settings(settings, "@jupyter-widgets/jupyterlab-manager/plugin", {"saveState": True})
    _settings(
        settings,
        "@jupyterlab/apputils-extension/notification",
        {"fetchNews": "false", "checkForUpdates": False},
    )
    # A file, because every user of the machine may read a command line.
    (config / "jupyter_server_config.json").write_text(
        json.dumps(
            {
                "IdentityProvider": {"token": token},
                "ServerApp": {"open_browser": False, "port_retries": 0, "allow_root": True},
                "LabApp": {"expose_app_in_browser": True},
                "JupyterNotebookApp": {"expose_app_in_browser": True},
            }
        )
    )
    module = "jupyterlab" if app == "lab" else "notebook"
    command = ["-m", module, "--no-browser", "--ip=127.0.0.1", f"--port={port}", f"--ServerApp.root_dir={work}"]
    server = Server(app, f"http://127.0.0.1:{port}", token, work)
    with serving(command, root, lambda: server._call("GET", "/api/status")):
        yield server


@contextlib.contextmanager
def serving(command: list[str], root: Path, ask: Callable[[], object]) -> Iterator[None]:
    """Run a server (arguments of Python) that answers when ``ask`` raises no OSError."""
    log = root / "server.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env=world(root),
            cwd=root,
            start_new_session=True,
        )
        try:
            _wait_for(ask, process, log)
            yield
        finally:
            _end(process)


@dataclass
class NotebookPage:
    """A notebook open in the browser, and everything that went wrong in its page."""

    page: Page
    server: Server
    page_errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Watch from the first request on."""
        self.page.on("pageerror", lambda error: self._fail(str(error)))
        self.page.on("request", lambda request: self._watch(request.url))
        self.page.on("websocket", lambda socket: self._watch(socket.url))

    def open(self, name: str) -> None:
        """Open a notebook and wait until its kernel is idle."""
        self.page.goto(self.server.address(name))
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=LIMIT * 1000)
        self.page.evaluate(_READY, LIMIT * 1000)

    def run_all(self) -> list[list[dict[str, Any]]]:
        """Run all cells; return the outputs of each code cell. An error in one is an error here."""
        self.page.evaluate(_RUN_ALL, LIMIT * 1000)
        outputs: list[list[dict[str, Any]]] = self.page.evaluate(_OUTPUTS)
        for cell in outputs:
            _raise_errors(cell)
        return outputs

    def run_cell(self, code: str) -> str:
        """Append a cell, run it, return what it printed. An error in it is an error here."""
        outputs = self.page.evaluate(_RUN_CODE, [code, LIMIT * 1000])
        _raise_errors(outputs)
        return _printed(outputs)

    def ask(self, expression: str) -> Any:
        """Return the value of a Python expression (as JSON) from the kernel, making no cell."""
        code = f"import json as _json\nprint(_json.dumps({expression}))"
        return json.loads(self.page.evaluate(_ASK, [code, LIMIT * 1000]))

    def eventually(self, expression: str, value: object) -> None:
        """Ask until the kernel gives ``value``: after a click it may lag behind the page."""
        end = time.monotonic() + LIMIT
        while (found := self.ask(expression)) != value:
            assert time.monotonic() < end, f"{expression} is {found!r}, not {value!r}"

    def output(self, index: int = 0) -> Locator:
        """Return the n-th widget area of the notebook, scrolled into view."""
        # A widget's output is a panel of its own; that of text, pictures and HTML is not.
        area = self.page.locator(".lm-Panel.jp-OutputArea-output").nth(index)
        expect(area).to_be_attached(timeout=UI_LIMIT * 1000)
        area.scroll_into_view_if_needed()
        return area

    def assert_clean(self) -> None:
        """No error in the page, and nothing asked of any other machine."""
        assert not self.page_errors, self.page_errors
        assert not self.strangers, self.strangers

    def _fail(self, error: str) -> None:
        if error not in _OF_THE_APPLICATION:
            self.page_errors.append(error)

    def _watch(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname not in (
            "127.0.0.1",
            "localhost",
        ):
            self.strangers.append(url)


def _settings(folder: Path, plugin: str, content: dict[str, object]) -> None:
    file = folder / f"{plugin}.jupyterlab-settings"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))


def free_port() -> int:
    """Return a port of loopback that nobody listens to."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_for(ask: Callable[[], object], process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + LIMIT
    while True:
        if process.poll() is not None or time.monotonic() > end:
            raise AssertionError(log.read_text())
        try:
            ask()
            return
        except OSError:
            # Waiting for the process to end is the wait that can tell us something.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server and its kernels: the whole process group, which is our own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)


def _raise_errors(outputs: list[dict[str, Any]]) -> None:
    for output in outputs:
        if output["output_type"] == "error":
            raise AssertionError("\n".join(output["traceback"]))


def _printed(outputs: list[dict[str, Any]]) -> str:
    texts = [o["text"] for o in outputs if o["output_type"] == "stream" and o["name"] == "stdout"]
    return "".join(text if isinstance(text, str) else "".join(text) for text in texts)
