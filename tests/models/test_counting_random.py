"""Costs of random models: parameters, a row for each call, and the profiler's FLOPs where it knows them."""

import warnings

from hypothesis import HealthCheck, given, settings

from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.counting import costs
from kerassplit_widget.models.reading import read

from .profiled import profile
from .random_models import build, programs


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_random_models(program):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of masks that end in a nested model
        written = build(program)
        if written is None:
            return
        model = written.model
        before = internals.fingerprint(model)
        table = costs(model, batch_size=2)
        assert internals.fingerprint(model) == before
        assert [row.name for row in table] == list(read(model).names)
        assert table.total_params == model.count_params()
        assert table.total_param_bytes == sum(bytes_of(weight) for weight in model.weights)
        assert table.unknown == ()
        try:
            _, total, unsure = profile(model, batch_size=2)
        except (TypeError, ValueError):
            return  # TensorFlow refuses it, for a name or a dtype
        # A model that stays one call may have outputs nobody reads. The profiler counts what leads to them.
        if not unsure and not any(row.kind in ("Functional", "Sequential") for row in table):
            assert abs(table.total_flops - total) <= 0.03 * total + 8, written.source


def bytes_of(weight):
    return weight.value.dtype.size * weight.value.shape.num_elements()
