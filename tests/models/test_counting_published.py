"""MACs and FLOPs of keras.applications against published values and TensorFlow's profiler."""

import keras
import pytest

from kerassplit_widget.models.counting import costs

from .profiled import profile


@pytest.mark.parametrize(("name", "flops"), [("ResNet50", 7_755_299_312), ("MobileNetV2", 615_292_208)])
def test_applications_are_equal_to_the_digit(name, flops):
    model = getattr(keras.applications, name)(weights=None)
    table = costs(model)
    assert profile(model)[1] == table.total_flops == flops
    assert table.total_params == model.count_params()


# Billions of multiply-adds at the usual image size. ResNet50 is v1, whose strides are in the 1x1 convolutions.
PUBLISHED = {
    "ResNet50": 3.858,
    "VGG16": 15.470,
    "MobileNetV2": 0.3008,
    "DenseNet201": 4.29,
    "EfficientNetB0": 0.39,
    "InceptionV3": 5.71,
    "NASNetLarge": 23.8,
}


@pytest.mark.parametrize(("name", "billions"), PUBLISHED.items())
def test_published_macs(name, billions):
    table = costs(getattr(keras.applications, name)(weights=None))
    rounded = 0.5 * 10 ** -len(str(billions).partition(".")[2])
    assert table.total_macs / 1e9 == pytest.approx(billions, rel=0.01, abs=rounded)
    assert table.unknown == ()
