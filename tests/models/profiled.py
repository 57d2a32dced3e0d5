"""TensorFlow's profiler as an oracle: what it counts of a model, in all and layer by layer."""

import keras
import tensorflow as tf
from tensorflow.python.framework import ops as registry

from kerassplit_widget.models import keras_internals as internals

UNREGISTERED = {"Einsum", "While", "StatefulPartitionedCall", "PartitionedCall", "Conv3DBackpropInputV2"}
"""Ops that do work of which the profiler knows nothing (it counts the body of a loop once)."""


def profile(model, batch_size=1):
    """Return the profiler's FLOPs, by layer and in all, and the layers of which it does not know everything."""
    graph = _graph(model, batch_size)
    run = tf.compat.v1.RunMetadata()
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    total = tf.compat.v1.profiler.profile(graph, run_meta=run, cmd="op", options=options).total_float_ops
    layers, unknown, definition = {}, set(), graph.as_graph_def()
    for node in definition.node:
        layer = node.name.split("/")[1] if "/" in node.name else ""
        layers[layer] = layers.get(layer, 0) + (registry.get_stats_for_node_def(graph, node, "flops").value or 0)
        if node.op in UNREGISTERED:
            unknown.add(layer)
    assert sum(layers.values()) == total  # it is the profiler's own table that is read here
    return layers, total, unknown


def _graph(model, batch_size):
    def spec(tensor):
        shape = [batch_size if axis == 0 and dim is None else dim for axis, dim in enumerate(tensor.shape)]
        return tf.TensorSpec(shape, tensor.dtype)

    inputs = keras.tree.map_structure(spec, internals.input_structure(internals.function_of(model)))
    return tf.function(lambda x: model(x, training=False)).get_concrete_function(inputs).graph
