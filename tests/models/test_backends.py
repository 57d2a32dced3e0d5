"""The same tests on another backend of Keras, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# One model for each thing that may differ: convolutions, masks, recurrence, sharing, nesting, state.
MODELS = "residual or masked_attention or recurrent or siamese or nested or structured"


def test_splitting_on_jax():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    tests = [f"tests/models/test_{room}.py" for room in ("splitting", "keras_contract", "masks", "subclassed")]
    chosen = f"((all_cuts_at_once and relay and share) or training or freezing or contract) and ({MODELS} or contract)"
    chosen += " or (in_the_model and (post_norm or blocks)) or (subclassed and (dicts or ids or relay))"
    done = subprocess.run(
        [*command, "-k", chosen, *tests],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout and " skipped" not in done.stdout
