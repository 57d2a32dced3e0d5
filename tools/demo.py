"""Run the quickstart once in the terminal, then serve it. Runs inside the environment.

``DEMO_SERVE=0`` stops after the result.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import FrameType
from typing import Any

from tools.console import BUILD, ROOT, ToolError, say

__all__ = ["main"]

QUICKSTART = ROOT / "notebooks" / "quickstart.ipynb"


def run_notebook(source: Path, target: Path) -> None:
    """Execute ``source``, print what it prints, save it with its outputs as ``target``.

    Raises
    ------
    ToolError
        A cell failed; the sentence ends with the last line of its error.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    class Client(NotebookClient):
        """A client that passes on what cells print, as they print it."""

        def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
            if msg["msg_type"] == "stream" and msg["content"]["name"] == "stdout":
                print(msg["content"]["text"], end="", flush=True)
            return super().process_message(msg, cell, cell_index)

    notebook = nbformat.read(source, as_version=4)
    client = Client(
        notebook,
        timeout=900,
        kernel_name="python3",
        resources={"metadata": {"path": str(source.parent)}},
    )
    try:
        # The kernel's own log (TensorFlow's greetings) is not part of the notebook's output.
        client.execute(stderr=subprocess.DEVNULL)
    except CellExecutionError as error:
        last = _last_line(str(error.evalue)) or "no message"
        raise ToolError(f"A cell of {source.name} failed: {error.ename}: {last}") from None
    except CellTimeoutError:
        raise ToolError(f"A cell of {source.name} took more than 15 minutes.") from None
    except DeadKernelError:
        raise ToolError(f"The kernel died while running {source.name}; is memory short?") from None
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)


def serve(notebook: Path) -> int:
    """Start JupyterLab on ``notebook`` on loopback; return when it is stopped."""
    port, token = _free_port(), secrets.token_hex(16)
    private = BUILD / "demo" / "jupyter"
    config = private / "config"
    config.mkdir(parents=True, exist_ok=True)
    # In a file and not on the command line, which every user of the machine can read.
    secret = config / "jupyter_server_config.json"
    secret.touch(mode=0o600)
    secret.write_text(
        json.dumps(
            {
                "IdentityProvider": {"token": token},
                "ServerApp": {"allow_root": True, "open_browser": False, "port_retries": 0},
            }
        )
    )
    # A world of its own: the visitor's settings are neither used nor changed, and the question
    # about Jupyter news does not pop up over the notebook.
    news = private / "settings" / "@jupyterlab" / "apputils-extension"
    news.mkdir(parents=True, exist_ok=True)
    (news / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    environ = os.environ | {
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTER_DATA_DIR": str(private / "data"),
        "JUPYTER_RUNTIME_DIR": str(private / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(private / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(private / "workspaces"),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"]
    command += [f"--port={port}", f"--ServerApp.root_dir={notebook.parent}"]
    log = BUILD / "demo" / "jupyterlab.log"
    address = f"http://127.0.0.1:{port}/lab/tree/{notebook.name}?token={token}"
    with log.open("wb") as sink:
        server = subprocess.Popen(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
            start_new_session=True,
        )  # fmt: skip
        try:
            if not _answers(server, f"http://127.0.0.1:{port}/api"):
                raise ToolError(f"JupyterLab did not start; it wrote {log.relative_to(ROOT)}.")
            say(f"\nJupyterLab runs the notebook here:\n\n    {address}\n\nCtrl-C stops it.")
            _open_browser(address)
            return server.wait()
        finally:
            _end(server)


def main() -> int:
    """Run the notebook; serve it unless ``DEMO_SERVE=0``."""
    # A terminal that closes and a plain `kill` stop the server as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    copy = BUILD / "demo" / "notebooks" / QUICKSTART.name
    try:
        say(f"Running {QUICKSTART.relative_to(ROOT)} ...\n")
        run_notebook(QUICKSTART, copy)
        if os.environ.get("DEMO_SERVE") == "0":
            return 0
        serve(copy)
    except ToolError as trouble:
        say(f"\n{trouble}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped.")
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(server: subprocess.Popen[bytes], url: str) -> bool:
    """Wait until the server answers (up to a minute); False if it ended or never did."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except OSError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(0.2)
    return False


def _open_browser(address: str) -> None:
    """Open a browser only where somebody sits before a screen."""
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    program = "open" if sys.platform == "darwin" else "xdg-open" if screen else None
    path = shutil.which(program) if program else None
    if path:
        with contextlib.suppress(OSError):
            subprocess.Popen([path, address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _end(server: subprocess.Popen[bytes]) -> None:
    """Stop the server and its kernels: the whole process group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)


if __name__ == "__main__":
    sys.exit(main())
