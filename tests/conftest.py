"""Settings for all tests: quiet TensorFlow, reproducible weights."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest


@pytest.fixture(autouse=True)
def _seed():
    import keras

    keras.utils.set_random_seed(7)


def pytest_addoption(parser):
    parser.addoption("--write-golden", action="store_true", help="rewrite the recorded payload of the front end")
