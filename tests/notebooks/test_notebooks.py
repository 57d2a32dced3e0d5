"""The tutorials: each runs from top to bottom, and what it claims it asserts itself."""

import ast
import os
import re
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TUTORIALS = {
    "quickstart",
    "anatomy",
    "feature_cache",
    "gradcam",
    "split_computing",
    "split_learning",
    "shared_weights_masks_transformers",
    "surgery",
}
LONGEST = 300  # seconds a cell may take here, on a busy machine


def python_of(cell):
    """The source of a code cell, IPython's own lines left out."""
    return "\n".join(line for line in cell.source.splitlines() if not line.startswith("%"))


def named(path):
    return path.stem


def test_every_tutorial_is_there():
    assert {path.stem for path in NOTEBOOKS} == TUTORIALS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_runs_from_top_to_bottom(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    # An inherited backend of matplotlib would keep the figures out of the outputs.
    environ = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    paths = [str(ROOT), *filter(None, [environ.get("PYTHONPATH")])]
    environ |= {"KERASSPLIT_FAST": "1", "PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "3"}
    client = NotebookClient(
        notebook,
        timeout=LONGEST,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute(env=environ, stderr=subprocess.DEVNULL)
    cells = {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}
    assert all(cell.execution_count for cell in cells.values())
    # What the reader came for is seen: each figure is a picture, not its name.
    for name, cell in cells.items():
        if re.search(r"^ks\.plot|^figure, ax", cell.source, re.MULTILINE):
            assert any("image/png" in output.get("data", {}) for output in cell.outputs), f"cell {name} shows no figure"
    for name, cell in cells.items():
        said = "".join(output.text for output in cell.outputs if output.get("name") == "stderr")
        assert not list(filter(is_warning, said.splitlines())), f"cell {name} warns: {said}"


def is_warning(line):
    """What TensorFlow's C++ says as it starts ("WARNING: All log messages") is none."""
    return "Warning: " in line


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_is_stored_as_it_was_written(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}, "no widget state"
    for cell in notebook.cells:
        assert re.fullmatch(r"[a-z0-9-]+", cell.id)
        assert not cell.metadata
        if cell.cell_type == "code":
            assert cell.execution_count is None and cell.outputs == []
    assert path.read_text() == nbformat.writes(notebook) + "\n"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_tells_its_time_and_asserts_its_result(path):
    notebook = nbformat.read(path, as_version=4)
    assert re.search(r"takes about (a|half a|one|two|three|four|five) minutes?", notebook.cells[0].source)
    code = [ast.parse(python_of(cell)) for cell in notebook.cells if cell.cell_type == "code"]
    assert any(isinstance(node, ast.Assert) for tree in code for node in ast.walk(tree))
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\(([^):]+\.ipynb)\)", prose)
    assert all((path.parent / link).is_file() for link in links)
