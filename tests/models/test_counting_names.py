"""Every layer and op of Keras is counted, free or unknown with a reason: a new Keras release is noticed here."""

import inspect

import keras
import pytest
from keras import layers

from kerassplit_widget.models.counting.layers import FREE_LAYERS, LAYERS, UNKNOWN_LAYERS
from kerassplit_widget.models.counting.ops import OPS
from kerassplit_widget.models.counting.rules import RULES, UNKNOWN_OPS
from kerassplit_widget.models.keras_internals.counting import own_op

# Layers whose work is that of the ops and layers that they call.
FROM_INSIDE = set(
    """
    AdditiveAttention Attention Bidirectional Dot ELU EinsumDense GRUCell GroupNormalization
    GroupedQueryAttention LSTMCell LayerNormalization LeakyReLU MultiHeadAttention PReLU RMSNormalization ReLU
    ReversibleEmbedding STFTSpectrogram SimpleRNNCell SpectralNormalization StackedRNNCells UnitNormalization
    Lambda
    """.split()  # noqa: SIM905
)

OLDER = tuple(map(int, keras.__version__.split(".")[:2])) < (3, 15)  # some names are newer than the oldest Keras


def exported_layers():
    classes = {value for value in vars(layers).values() if inspect.isclass(value) and issubclass(value, layers.Layer)}
    return {cls.__name__ for cls in classes}


def all_ops():
    found, stack = set(), [keras.Operation]
    while stack:
        for cls in stack.pop().__subclasses__():
            if not issubclass(cls, layers.Layer):
                stack.append(cls)
                found |= {cls.__name__} if cls.__module__.startswith("keras.src.") else set()
    return found - {"Function"}


def test_every_layer_is_in_exactly_one_list():
    kinds = [set(LAYERS), set(FREE_LAYERS), set(UNKNOWN_LAYERS), FROM_INSIDE]
    for name in exported_layers():
        assert sum(name in kind for kind in kinds) == 1, f"{name} is new, or listed twice: say how its work is counted"


def test_every_op_is_in_exactly_one_list():
    kinds = [set(RULES), set(OPS), set(UNKNOWN_OPS)]
    found = all_ops()
    assert len(found) > 250
    for name in found:
        assert sum(name in kind for kind in kinds) == 1, f"{name} is new, or listed twice: say how its work is counted"


def test_nothing_is_listed_that_is_not_there():
    listed = {*LAYERS, *FREE_LAYERS, *UNKNOWN_LAYERS, *FROM_INSIDE}
    assert OLDER or listed <= exported_layers(), listed - exported_layers()
    listed = {*RULES, *OPS, *UNKNOWN_OPS}
    gone = {"Bartlett", "Blackman", "Empty", "Eye", "Hamming", "Identity", "Ones", "Tri", "Zeros"}  # since Keras 3.11
    assert OLDER or listed <= all_ops() | gone, listed - all_ops()


@pytest.mark.parametrize("reason", [*UNKNOWN_LAYERS.values(), *UNKNOWN_OPS.values()])
def test_reasons_are_words(reason):
    assert reason[0].islower() and len(reason.split()) >= 3


def test_an_op_of_ours_and_of_others():
    class Mine(keras.Operation):
        def call(self, x):
            return x

        def compute_output_spec(self, x):
            return x

    assert own_op(Mine()) is None
    assert own_op(layers.Dense(1)) is None
