"""Transformer backbones of KerasHub with random weights, opened and cut inside a block."""

import keras_hub
import pytest

import kerassplit_widget as ks

from .test_splitting import inbound

SMALL = {"vocabulary_size": 40, "num_layers": 2, "hidden_dim": 8, "intermediate_dim": 16}
FIXED = {"token_ids": (2, 6), "padding_mask": (2, 6)}
KERAS_HUB = {
    "Bert": ({**SMALL, "num_heads": 2, "max_sequence_length": 12}, None),
    "ViT": (
        {"image_shape": (16, 16, 3), "patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 16},
        None,
    ),
    "Llama": ({**SMALL, "num_query_heads": 4, "num_key_value_heads": 2}, FIXED),
    "GPT2": ({**SMALL, "num_heads": 2, "max_sequence_length": 12}, FIXED),
}
CLOSED = {"ViT": {"vit_patching_and_embedding"}}


@pytest.mark.parametrize("name", KERAS_HUB)
def test_keras_hub_backbones_are_cut_inside_a_block(name):
    config, shapes = KERAS_HUB[name]
    model = getattr(keras_hub.models, f"{name}Backbone")(**config)
    before = inbound(model)
    graph = ks.read(model, expand="all", input_shapes=shapes)
    assert graph.collapsed.keys() == CLOSED.get(name, set())
    assert all(graph.collapsed.values())
    assert graph.params == model.count_params()
    inside = [call for call in graph.names if "/" in call]
    assert len(inside) > 20
    for point in inside[3 :: len(inside) // 5]:
        split = ks.split(model, [point], expand="all", input_shapes=shapes)
        proof = split.verify(rounds=1)
        assert proof.ok and proof.exact, proof
    assert inbound(model) == before


@pytest.mark.parametrize("name", ["Llama", "GPT2"])
def test_blocks_that_need_their_length_say_so(name):
    model = getattr(keras_hub.models, f"{name}Backbone")(**KERAS_HUB[name][0])
    graph = ks.read(model, expand="all")
    assert list(graph.collapsed) == ["transformer_layer_0", "transformer_layer_1"]
    assert all("cannot be traced" in reason and "input_shapes=" in reason for reason in graph.collapsed.values())
