"""Every constructor of `keras.applications` as people open it: folded, and drawn so."""

import gc
import re
import time

import keras
import numpy as np
import pytest

import kerassplit_widget as ks
from kerassplit_widget.structure.layout import lay_out
from kerassplit_widget.structure.regions.folding import fold
from kerassplit_widget.structure.views import opened_at, view

from ..drawing_metrics import quality
from ..structure.folds import all_folds, leaves
from .test_applications import NAMES, SMALLEST

# What a person sees first. "×" is how many like copies.
SEEN = {
    "ResNet50": [
        "input_layer", "ZeroPadding2D · Conv2D · BatchNormalization", "conv2_block1", "conv2_block ×2", "conv3_block1",
        "conv3_block ×3", "conv4_block1", "conv4_block ×5", "conv5_block1", "conv5_block ×2",
    ],
    "DenseNet201": [
        "input_layer", "ZeroPadding2D · Conv2D · BatchNormalization", "conv2_block ×6", "pool2", "conv3_block ×12",
        "pool3", "conv4_block ×48", "pool4", "conv5_block ×32", "bn", "relu",
    ],
    "ConvNeXtTiny": [
        "input_layer", "convnext_tiny_prestem_normalization", "convnext_tiny_stem", "stage_0_block ×3",
        "convnext_tiny_downsampling_block_0", "stage_1_block ×3", "convnext_tiny_downsampling_block_1",
        "stage_2_block ×9", "convnext_tiny_downsampling_block_2", "stage_3_block ×3", "layer_normalization",
    ],
    "InceptionV3": [
        "input_layer", "conv2d – activation", "conv2d – max_pooling2d ×2", "mixed0 – 2 ×3", "mixed3", "mixed4 – 7 ×4",
        "mixed8", "conv2d – mixed10 ×2",
    ],
    "NASNetLarge": [
        "input_layer", "stem_conv1", "stem_bn1", "reduction_concat_stem_1", "reduction_concat_stem_2",
        "normal_concat_0", "normal_concat_1 – 5 ×5", "reduction_concat_reduce_6", "normal_concat_7",
        "normal_concat_8 – 12 ×5", "reduction_concat_reduce_12", "normal_concat_13", "normal_concat_14 – 18 ×5",
        "activation",
    ],
}  # fmt: skip


# All others have at least eight calls a box; these are short.
SHORT = {"VGG16", "VGG19"}

CONGRUENT = {"ResNet50", "DenseNet121", "EfficientNetB0", "ConvNeXtTiny", "InceptionV3", "MobileNetV3Large"}


def read(name):
    side = SMALLEST.get(name, 32)
    model = getattr(keras.applications, name)(weights=None, include_top=False, input_shape=(side, side, 3))
    graph = ks.read(model)
    del model
    gc.collect()
    return graph


def title(item):
    """The title as it is seen; Keras counts generic names on from model to model."""
    name = " – ".join(re.sub(r"_\d+$", "", end) if is_generic_name(end) else end for end in item.title.split(" – "))
    return f"{name} ×{item.count}" if item.kind == "repeat" else name


def is_generic_name(name):
    return name.startswith(("input_layer", "layer_normalization", "activation", "conv2d", "max_pooling2d"))


@pytest.mark.parametrize("name", NAMES)
def test_a_folded_application_fits_a_screen(name):
    graph = read(name)
    root = fold(graph)
    closed = view(graph, root, opened_at(graph, root, "blocks"))
    assert len(closed.boxes) <= 20
    assert len(graph) / len(closed.boxes) >= (5 if name in SHORT else 8)
    drawing = quality(lay_out(closed.successors, size=(172.0, 38.0)))
    assert (drawing.overlaps, drawing.hits, drawing.crossings) == (0, 0, 0)
    if name in SEEN:
        assert [title(box) for box in closed.boxes] == SEEN[name]
    if name == "NASNetLarge":
        assert quickest(lambda: view(graph, root)) < 0.005
    if name in CONGRUENT:
        opened = view(graph, root, opened_at(graph, root, "all"))
        layout = lay_out(opened.successors, size=(172.0, 38.0))
        for repeat in (item for item in all_folds(root) if item.kind == "repeat"):
            first, *others = [opened.box_of[leaves(copy)] for copy in repeat.children]
            for copy in others:
                for axis in (layout.x, layout.y):
                    assert np.allclose(axis[copy] - axis[copy[0]], axis[first] - axis[first[0]], atol=0.05)


def quickest(action, times=10):
    """Seconds of the quickest of some runs."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return min(taken)
