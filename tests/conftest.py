"""Settings for all tests: quiet TensorFlow, reproducible weights."""

import atexit
import os
import secrets
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest

# Ray reads its token once in the life of a process, whichever test starts it first.
handle, os.environ["RAY_AUTH_TOKEN_PATH"] = tempfile.mkstemp(prefix="ray-token-")
os.write(handle, secrets.token_hex(32).encode())
os.close(handle)
atexit.register(os.unlink, os.environ["RAY_AUTH_TOKEN_PATH"])


@pytest.fixture(autouse=True)
def _seed():
    import keras

    keras.utils.set_random_seed(7)


def pytest_addoption(parser):
    parser.addoption("--write-golden", action="store_true", help="rewrite the recorded payload of the front end")
