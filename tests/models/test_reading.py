"""The reader, checked against Keras's own, public description of a model."""

from collections import Counter

import keras
import numpy as np
import pytest

import kerassplit_widget as ks
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.reading import read_steps

from . import zoo


def config_calls_and_edges(model):
    """Count calls of each layer and (maker, output, reader) edges from `get_config`, which is public."""
    config = keras.Model(model.inputs, model.outputs).get_config()
    calls, edges = Counter(), Counter()
    for layer in config["layers"]:
        nodes = layer["inbound_nodes"]
        calls[layer["name"]] += max(1, len(nodes))
        for node in nodes:
            found, stack = set(), [node]
            while stack:
                item = stack.pop()
                if isinstance(item, dict) and item.get("class_name") == "__keras_tensor__":
                    found.add(tuple(item["config"]["keras_history"]))
                elif isinstance(item, dict):
                    stack.extend(item.values())
                elif isinstance(item, list | tuple):
                    stack.extend(item)
            for maker, _, output in found:
                edges[maker, output, layer["name"]] += 1
    return calls, edges


@pytest.mark.parametrize("make", [m for m in zoo.ALL if m is not zoo.sequential], ids=lambda make: make.__name__)
def test_calls_and_edges_are_those_of_get_config(make):
    model = make()
    graph = ks.read(model, expand="none")
    calls, edges = config_calls_and_edges(model)
    assert Counter(call.layer for call in graph) == calls
    found = Counter()
    for call in graph:
        for name in call.inputs:
            tensor = graph.tensors[name]
            found[graph[tensor.call].layer, tensor.index, call.layer] += 1
    assert found == edges


@pytest.mark.parametrize("make", zoo.ALL, ids=lambda make: make.__name__)
def test_parameters_shapes_and_dtypes_are_those_of_keras(make):
    model = make()
    for expand in ("none", "nested"):
        graph = ks.read(model, expand=expand)
        assert graph.params == model.count_params()
        assert [graph.tensors[n].shape for n in graph.inputs] == [tuple(t.shape) for t in model.inputs]
        assert [graph.tensors[n].dtype for n in graph.outputs] == [t.dtype for t in model.outputs]


@pytest.mark.parametrize("make", zoo.ALL, ids=lambda make: make.__name__)
def test_graphs_are_topological_and_known_to_networkx(make):
    graph = ks.read(make())
    for number, sources in enumerate(graph.predecessors):
        assert all(source < number for source in sources)
    assert list(graph.nx.nodes) == list(graph.names)
    assert graph.nx.number_of_edges() == sum(len(call.inputs) for call in graph)
    for maker, reader, name in graph.nx.edges(keys=True):
        assert graph.tensors[name].call == maker and name in graph[reader].inputs


def test_calls_of_a_shared_layer_are_numbered():
    graph = ks.read(zoo.siamese())
    assert sorted(graph.names[:2]) == ["left", "right"]
    assert graph.names[2:] == ("shared", "shared#2", "difference", "out")
    assert graph["shared#2"].layer == "shared"
    assert graph["shared"].inputs == ("left",) and graph["shared#2"].inputs == ("right",)


def test_nested_models_open_in_place():
    graph = ks.read(zoo.nested())
    assert graph.names == (
        "x", "backbone/first", "backbone/block/act", "backbone/block/inner", "backbone/sum", "head", "out",
    )  # fmt: skip
    assert ks.read(zoo.nested(), expand="none").names == ("x", "backbone", "head", "out")
    assert ks.read(zoo.nested(), expand=["backbone"]).names == (
        "x", "backbone/first", "backbone/block", "backbone/sum", "head", "out",
    )  # fmt: skip


def test_a_group_called_twice_is_opened_twice_and_its_parameters_count_once():
    graph = ks.read(zoo.twice())
    assert {"backbone/a", "backbone/b", "backbone#2/a", "backbone#2/b"} <= set(graph.names)
    assert graph["backbone#2/b"].layer == "backbone/b"
    assert graph["both"].inputs == ("backbone/b", "backbone#2/b")


def test_a_nested_call_that_converts_its_input_stays_whole_and_says_why():
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="d")], name="inner")
    x = keras.Input((4,), dtype="int32")
    graph = ks.read(keras.Model(x, inner(x)))
    assert "inner" in graph and graph.collapsed == {"inner": "it converts its input"}
    x = keras.Input((4,))
    assert "inner/d" in ks.read(keras.Model(x, inner(x)))


def test_groups_are_points_and_know_their_outputs():
    model = zoo.nested()
    graph = ks.read(model)
    assert graph.groups == {"backbone": ("backbone/sum",), "backbone/block": ("backbone/block/inner",)}
    for point in ("backbone", model.get_layer("backbone"), model.get_layer("head").input):
        assert ks.cut_at(model, point).points == ("backbone/sum",)


def test_training_given_to_a_nested_model_is_handed_on():
    drop = keras.layers.Dropout(0.5, seed=1, name="drop")
    inner = keras.Sequential([keras.Input((4,)), drop, keras.layers.Dense(2)], name="inner")
    x = keras.Input((4,))
    model = keras.Model(x, inner(x, training=True))
    data = np.ones((1, 4), "float32")
    state = drop.seed_generator.state
    start = keras.ops.convert_to_numpy(state).copy()
    results = []
    for run in (model, ks.split(model, ["inner/drop"]), ks.flatten(model)):
        state.assign(start)
        results.append(keras.ops.convert_to_numpy(run(data)))
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])
    state.assign(start)
    assert not np.array_equal(results[0], inner(data, training=False))


def test_outputs_of_one_call_and_keyword_tensors():
    graph = ks.read(zoo.recurrent())
    assert [t.name for t in graph["encoder"].outputs] == ["encoder", "encoder:1", "encoder:2"]
    assert graph["decoder"].inputs == ("encoder", "encoder:1", "encoder:2")
    assert graph.tensors["encoder:1"].shape == (None, 5)
    assert graph.outputs == ("out", "encoder:1")


def test_ops_are_calls():
    graph = ks.read(zoo.operators())
    assert [call.kind for call in graph][:3] == ["InputLayer", "Multiply", "Subtract"]
    assert all(call.params == 0 for call in graph)


def test_reading_changes_nothing_and_is_repeatable():
    model = zoo.nested()
    nodes = len(model.get_layer("backbone")._inbound_nodes)
    assert ks.read(model) == ks.read(model)
    assert len(model.get_layer("backbone")._inbound_nodes) == nodes


def test_a_loaded_model_reads_the_same(tmp_path):
    model = zoo.structured()
    model.save(tmp_path / "m.keras")
    assert ks.read(keras.saving.load_model(tmp_path / "m.keras")).names == ks.read(model).names


def test_a_model_made_of_a_slice_of_another():
    model = zoo.residual()
    piece = keras.Model(model.get_layer("stem").output, model.get_layer("pool").output)
    graph = ks.read(piece)
    assert [call.name for call in graph][1:] == ["conv", "bn", "add", "pool"]
    assert len(ks.split(piece, ["bn"])) == 2


@pytest.mark.parametrize("make", zoo.ALL, ids=lambda make: make.__name__)
@pytest.mark.parametrize("expand", ["nested", "all"])
def test_of_plain_calls_nothing_is_overlooked(make, expand, monkeypatch):
    def seen():
        steps = read_steps(model, expand=expand).steps
        return [(step.call, step.training, step.unmasked, step.unmasks) for step in steps]

    model = make()
    shortly = seen()
    monkeypatch.setattr(internals, "is_plain", lambda node, **known: False)
    assert shortly == seen()


def test_most_calls_of_a_convolutional_network_are_plain():
    nodes = [step.node for step in read_steps(keras.applications.ResNet50(weights=None)).steps]
    assert sum(map(internals.is_plain, nodes)) == len(nodes)


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Lambda(lambda x: x),
        keras.layers.Concatenate(axis=0),
        keras.layers.TimeDistributed(keras.layers.Dense(2)),
        keras.layers.LSTM(2),
        keras.layers.Masking(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_what_may_be_other_than_keras_shows_is_not_plain(layer):
    x = keras.Input((3, 2))
    y = layer([x, x] if isinstance(layer, keras.layers.Concatenate) else x)
    assert not internals.is_plain(y._keras_history.operation._inbound_nodes[0])
