"""Every constructor of `keras.applications`, at the smallest image it takes: cut in two places, and drawn."""

import gc
import inspect

import keras
import numpy as np
import pytest

import kerassplit_widget as ks
from kerassplit_widget.structure.layout import lay_out

from ..drawing_metrics import quality
from . import zoo

# Smallest image side with include_top=False; 32 for all others.
SMALLEST = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75}

NAMES = sorted(
    name for name, value in vars(keras.applications).items() if inspect.isfunction(value) and name[0].isupper()
)

# No lines cross in the drawings of these; NASNets have cells that cannot be drawn without.
UNCROSSED = {name for name in NAMES if not name.startswith("NASNet")}

WRITTEN = 25_000_000
"""Models of fewer parameters are saved and loaded too; the others, which are deeper or wider, take gigabytes."""

CANDIDATES = {"ResNet50": 39, "NASNetLarge": 5, "VGG16": 21, "DenseNet201": 119}


def build(name):
    side = SMALLEST.get(name, 32)
    constructor = getattr(keras.applications, name)
    return constructor(weights=None, include_top=False, input_shape=(side, side, 3))


def all_nodes(model):
    """Numbers of nodes on every operation, taken without the package's own help."""
    rows = {}
    stack = [model]
    while stack:
        operation = stack.pop()
        if id(operation) not in rows:
            rows[id(operation)] = (len(operation._inbound_nodes), len(operation._outbound_nodes))
            stack.extend(getattr(operation, "_layers", ()))
            stack.extend(getattr(operation, "operations", ()))
    return rows


def test_all_forty_are_here():
    assert len(NAMES) == 40


@pytest.mark.parametrize("name", NAMES)
def test_candidate_and_half_depth_cuts_are_exact(name, tmp_path):
    model = build(name)
    side = model.input_shape[1]
    image = np.random.default_rng(0).uniform(0, 255, (1, side, side, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(model(image))
    assert float(np.abs(expected).max()) > 0  # zeros would prove nothing
    before, config = all_nodes(model), model.get_config()

    candidates = ks.cut_candidates(model)
    middle = candidates[len(candidates) // 2]
    graph = ks.read(model)
    half = graph.names[len(graph) // 2]
    for cut in (middle, half):
        split = ks.split(model, [cut])
        part_1, part_2 = split
        border = part_1(image)
        assert np.array_equal(keras.ops.convert_to_numpy(part_2(border)), expected)
        by_hand = keras.tree.map_structure(keras.ops.convert_to_numpy, border)
        np.testing.assert_allclose(part_2(by_hand), expected, atol=1e-5, rtol=1e-5)
        weights = {id(weight) for part in split for weight in part.weights}
        assert weights == {id(weight) for weight in model.weights}
    assert len(ks.split(model, [middle])[0].outputs) == 1

    table = ks.costs(model)
    assert table.total_params == model.count_params() and not table.unknown

    layout = lay_out(graph.successors)
    drawing = quality(layout)
    assert drawing.overlaps == 0
    assert drawing.hits == 0
    assert all(layout.x[graph.number[cut.points[0]]] == 0 for cut in candidates)
    if name in UNCROSSED:
        assert drawing.crossings == 0

    assert all_nodes(model) == before
    assert model.get_config() == config  # where saving fails once stray nodes are on the layers
    if model.count_params() < WRITTEN:
        path = tmp_path / "model.keras"
        model.save(path)
        loaded = keras.saving.load_model(path)
        path.unlink()
        assert np.array_equal(keras.ops.convert_to_numpy(loaded(image)), expected)
        del loaded
    del model, split, part_1, part_2
    gc.collect()


@pytest.mark.parametrize(("name", "count"), CANDIDATES.items())
def test_known_number_of_candidates(name, count):
    model = getattr(keras.applications, name)(weights=None)
    points = [cut.points[0] for cut in ks.cut_candidates(model)]
    assert len(points) == count
    assert len(set(points)) == count
    assert model.layers[0].name not in points
    assert model.layers[-1].name not in points


def test_a_unet_is_drawn_without_crossings():
    model = zoo.unet(depth=4)
    graph = ks.read(model)
    layout = lay_out(graph.successors)
    drawing = quality(layout)
    assert (drawing.crossings, drawing.hits, drawing.overlaps) == (0, 0, 0)
    assert all(layout.x[graph.number[cut.points[0]]] == 0 for cut in ks.cut_candidates(model))
