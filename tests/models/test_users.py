"""The public threads that people wrote before this package, one test or a few for each (see the list at the end).

Every test builds the shape of model of its thread, small and with random weights, and does what was wanted there.
"""

import io
import json
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import kerassplit_widget as ks

from .test_splitting import arrays, inbound, legal_points


def rand(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(arrays(a), arrays(b), strict=True))


def close(a, b):
    return all(np.allclose(x, y, rtol=1e-5, atol=1e-5) for x, y in zip(arrays(a), arrays(b), strict=True))


def numbers(structure):
    """Hand tensors over as another process would get them: as plain arrays, without masks or history."""
    return keras.tree.map_structure(keras.ops.convert_to_numpy, structure)


def values(weights):
    return [weight.numpy().copy() for weight in weights]


def ids(*models):
    return {id(weight) for model in models for weight in model.weights}


def names(model):
    return [layer.name for layer in model.layers]


def scramble(model, seed=1):
    """Give BatchNorm statistics, biases and gammas values that matter, as if the model had been trained."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.name == "moving_variance":
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        elif weight.name in ("moving_mean", "bias", "beta"):
            weight.assign(rng.normal(0, 0.1, weight.shape))
        elif weight.name == "gamma":
            weight.assign(rng.uniform(0.8, 1.2, weight.shape))
    return model


def twin_of(model):
    """A model with the same layers and values, made by Keras alone."""
    again = keras.models.clone_model(model)
    again.set_weights(model.get_weights())
    return again


def step_gradients(forward, variables, x, y):
    """Loss (mean squared error) and gradients of one training step."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(forward(x) - y))
    return float(loss), [tf.convert_to_tensor(g) for g in tape.gradient(loss, [v.value for v in variables])]


def sgd(forward, variables, x, y, steps=4, rate=0.05):
    """Train by hand, always on the same batch; return the losses."""
    losses = []
    for _ in range(steps):
        loss, gradients = step_gradients(forward, variables, x, y)
        for variable, gradient in zip(variables, gradients, strict=True):
            variable.assign_sub(rate * gradient)
        losses.append(loss)
    return losses


def chained(split, **kwargs):
    def forward(x):
        for part in split:
            x = part(x, **kwargs)
        return x

    return forward


def small_resnet(dropout=0.0):
    """Stem, two residual blocks with BatchNorm, and a top."""
    x = keras.Input((8, 8, 3), name="image")
    y = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    for i in (1, 2):
        z = layers.BatchNormalization(name=f"bn_{i}")(layers.Conv2D(4, 3, padding="same", name=f"conv_{i}")(y))
        y = layers.ReLU(name=f"out_{i}")(layers.Add(name=f"add_{i}")([y, z]))
    y = layers.GlobalAveragePooling2D(name="pool")(y)
    y = layers.Dense(8, activation="relu", name="fc")(y)
    if dropout:
        y = layers.Dropout(dropout, seed=11, name="drop")(y)
    return scramble(keras.Model(x, layers.Dense(3, name="scores")(y), name="small_resnet"))


# keras#5074: ResNet50 in two at layer 140, cache part 1's output on disk, tune part 2, join.


def resnet50_with_a_top():
    base = keras.applications.ResNet50(weights=None, include_top=False, input_shape=(32, 32, 3))
    shape = base.output.shape[1:]
    top = keras.Sequential(
        [keras.Input(shape), layers.Flatten(name="flat"), layers.Dense(5, name="classes")], name="top"
    )
    return scramble(keras.Model(base.input, top(base.output), name="resnet_with_top"))


def test_keras_5074_cache_part_one_on_disk_tune_part_two_join(tmp_path):
    model = resnet50_with_a_top()
    before, old = inbound(model), values(model.weights)
    images, wanted = rand(4, 32, 32, 3), rand(4, 5, seed=1)
    expected = arrays(model(images))[0]

    at_140 = model.layers[140]
    assert at_140.name == "conv4_block6_3_bn"
    assert ks.cut_at(model, at_140).tensors == ("conv4_block5_out", "conv4_block6_3_bn")
    assert "conv4_block6_add after" in ks.why_not(model, at_140)  # which layers are legal

    split = ks.split(model, [at_140], weights="copy")
    part_1, part_2 = split
    assert equal(part_2(part_1(images)), expected)
    np.savez(tmp_path / "cache.npz", *numbers(part_1(images)))
    with np.load(tmp_path / "cache.npz") as file:
        cached = [file[name] for name in file.files]

    frozen = twin_of(model)
    for layer in frozen.layers[:141]:
        layer.trainable = False
    whole = sgd(lambda x: frozen(x, training=True), frozen.trainable_weights, images, wanted, steps=2, rate=1e-3)
    tuned = sgd(lambda x: part_2(x, training=True), part_2.trainable_weights, cached, wanted, steps=2, rate=1e-3)
    np.testing.assert_allclose(tuned, whole, rtol=1e-5)
    assert tuned[1] != tuned[0]

    joined = split.join()
    assert equal(joined(images), part_2(part_1(images)))
    assert not equal(joined(images), expected)
    assert close(joined(images), frozen(images))
    assert all(map(np.array_equal, values(model.weights), old)) and inbound(model) == before
    assert equal(model(images), expected)


def test_keras_5074_gradients_through_the_parts_are_those_of_the_model():
    model = resnet50_with_a_top()
    images, wanted = rand(2, 32, 32, 3), rand(2, 5, seed=1)
    start = values(model.weights)
    _, whole = step_gradients(lambda x: model(x, training=True), model.trainable_weights, images, wanted)
    moved = values(model.non_trainable_weights)
    for weight, value in zip(model.weights, start, strict=True):
        weight.assign(value)
    split = ks.split(model, [model.layers[140]])
    _, parts = step_gradients(chained(split, training=True), model.trainable_weights, images, wanted)
    assert equal(parts, whole)
    assert equal(model.non_trainable_weights, moved)  # BatchNorm statistics


# keras#14678: "any method to split a model at a given layer?" Sequential CNN, then a branching one.


def test_keras_14678_sequential_cnn_at_every_layer():
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(4, 3, activation="relu", name="conv_1"),
            layers.MaxPooling2D(name="pool_1"),
            layers.Conv2D(8, 3, activation="relu", name="conv_2"),
            layers.Flatten(name="flatten"),
            layers.Dropout(0.5, name="dropout"),
            layers.Dense(10, activation="softmax", name="classes"),
        ]
    )
    before, x = inbound(model), rand(2, 16, 16, 1)
    for layer in model.layers[:-1]:
        part_1, part_2 = ks.split(model, [layer])
        assert names(part_1)[1:] + names(part_2)[1:] == names(model)
        assert equal(part_2(part_1(x)), model(x))
        assert close(part_2(numbers(part_1(x))), model(x))
    assert inbound(model) == before


def test_keras_14678_branching_cnn_at_every_layer():
    x = keras.Input((8, 8, 3), name="image")
    stem = layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")(x)
    towers = [layers.Conv2D(4, k, padding="same", name=f"tower_{k}")(stem) for k in (1, 3, 5)]
    y = layers.Concatenate(name="concat")(towers)
    y = layers.Dense(2, name="scores")(layers.GlobalAveragePooling2D(name="pool")(y))
    model = keras.Model(x, y)
    before, image = inbound(model), rand(2, 8, 8, 3)
    points = legal_points(model)
    assert points == ["stem", "tower_1", "tower_3", "tower_5", "concat", "pool"]
    for point in points:
        part_1, part_2 = ks.split(model, [point])
        assert equal(part_2(part_1(image)), model(image))
        assert close(part_2(numbers(part_1(image))), model(image))
    assert ks.cut_at(model, "tower_3").tensors == ("stem", "tower_3")
    assert [cut.points for cut in ks.cut_candidates(model)] == [("stem",), ("concat",), ("pool",)]
    assert inbound(model) == before


# keras#12827: ResNet152 in two inside a block, where two branches run side by side.


def test_keras_12827_resnet152_inside_a_block():
    model = scramble(keras.applications.ResNet152(weights=None, include_top=False, input_shape=(32, 32, 3)))
    before, image = inbound(model), rand(1, 32, 32, 3)
    expected = arrays(model(image))[0]
    inside = "conv3_block1_1_conv"  # res3a_branch2a in the thread; res3a_branch1 runs beside it
    cut = ks.cut_at(model, inside)
    assert len(cut.tensors) == 2 and inside in cut.tensors and not cut.is_candidate
    assert "conv2_block3_out before" in ks.why_not(model, inside)
    part_1, part_2 = ks.split(model, [cut])
    assert equal(part_2(part_1(image)), expected)
    assert close(part_2(numbers(part_1(image))), expected)
    assert ids(part_1, part_2) == ids(model) and inbound(model) == before


# keras#16123, tensorflow#34977: an intermediate model up to a layer inside a nested model.


def joint_models():
    encoder = [keras.Input((8, 8, 1)), layers.Conv2D(2, 3, name="conv_a"), layers.ReLU(name="act")]
    inner = keras.Sequential([*encoder, layers.Conv2D(3, 3, name="conv_b")], name="encoder")
    outer = keras.Sequential(
        [keras.Input((4, 4, 3)), layers.Flatten(name="flat"), layers.Dense(2, name="d")], name="head"
    )
    x = keras.Input((8, 8, 1), name="x")
    return keras.Model(x, outer(inner(x)), name="joint"), keras.Sequential([keras.Input((8, 8, 1)), inner, outer])


@pytest.mark.parametrize("which", [0, 1], ids=["functional", "sequential"])
def test_keras_16123_intermediate_model_to_every_nested_layer(which):
    model = joint_models()[which]
    before, x = inbound(model), rand(2, 8, 8, 1)
    encoder, head = model.get_layer("encoder"), model.get_layer("head")
    y = x
    for group in (encoder, head):
        for layer in group.layers:
            y = layer(y)
            part = ks.extract(model, outputs=[f"{group.name}/{layer.name}"])
            assert equal(part(x), y)
            assert equal(ks.extract(model, outputs=layer)(x), y)
            assert equal(ks.extract(model, outputs=layer.output)(x), y)
    for point in ("encoder/act", "encoder/conv_b", "head/flat"):
        part_1, part_2 = ks.split(model, [point])
        assert equal(part_2(part_1(x)), model(x))
    assert inbound(model) == before


def test_tensorflow_34977_start_and_end_at_layers_of_nested_models():
    i = keras.Input((6,))
    hidden = layers.Dense(5, activation="relu", name="hidden")(i)
    block = keras.Model(i, [layers.Dense(4, name="left")(hidden), layers.Dense(4, name="right")(hidden)], name="block")
    x = keras.Input((6,), name="x")
    left, right = block(x)
    model = keras.Model(x, layers.Dense(2, name="out")(layers.Multiply(name="gate")([left, right])), name="outer")
    before, data = inbound(model), rand(3, 6)
    hidden, left, gate, out = ks.extract(model, outputs=["block/hidden", "block/left", "gate", "out"])(data)
    assert equal(out, model(data))
    assert equal(hidden, block.get_layer("hidden").call(data))
    assert equal(ks.extract(model, inputs=["block/hidden"], outputs=["block/left"])(hidden), left)
    assert equal(ks.extract(model, inputs=["block/hidden"])(numbers(hidden)), model(data))
    assert equal(ks.extract(model, inputs=["gate"])(gate), out)
    part_1, part_2 = ks.split(model, ["block/left"])
    assert equal(part_2(part_1(data)), model(data))
    assert inbound(model) == before


# tensorflow#44462: Grad-CAM with VGG16 used as a layer.


def vgg16_as_a_layer(**kwargs):
    vgg = keras.applications.VGG16(weights=None, include_top=False, input_shape=(48, 48, 3))
    x = keras.Input((48, 48, 3), name="image")
    y = vgg(layers.Rescaling(1 / 255, name="rescale")(x), **kwargs)
    y = layers.GlobalAveragePooling2D(name="pool")(y)
    return scramble(keras.Model(x, layers.Dense(3, name="scores")(y), name="classifier"))


def grad_cam(maps_and_scores, image, class_):
    """As the example on keras.io does it."""
    with tf.GradientTape() as tape:
        maps, scores = maps_and_scores(image)
        score = scores[:, class_]
    weights = tf.reduce_mean(tape.gradient(score, maps), axis=(0, 1, 2))
    return tf.nn.relu(tf.linalg.matvec(maps[0], weights))


def check_grad_cam(model):
    before, image = inbound(model), np.abs(rand(1, 48, 48, 3)) * 100
    inner = ks.extract(model, outputs=["vgg16/block5_conv3", "scores"])
    assert equal(inner(image)[1], model(image))
    flat = ks.flatten(model)
    assert equal(flat(image), model(image))
    native = keras.Model(flat.input, [flat.get_layer("vgg16_block5_conv3").output, flat.output])
    part_1, part_2 = ks.split(model, ["vgg16/block5_conv3"])

    def by_parts(x):
        maps = part_1(x)
        return maps, part_2(maps)

    for class_ in range(3):
        heat = arrays(grad_cam(inner, image, class_))[0]
        assert heat.shape == (3, 3) and heat.max() > 0
        assert equal(grad_cam(native, image, class_), heat)
        assert equal(grad_cam(by_parts, image, class_), heat)
    assert inbound(model) == before


def test_tensorflow_44462_grad_cam_through_a_nested_vgg16():
    check_grad_cam(vgg16_as_a_layer())


def test_tensorflow_44462_grad_cam_through_a_backbone_called_with_training_false():
    """The transfer learning guide, which the thread follows, says ``base_model(x, training=False)``."""
    check_grad_cam(vgg16_as_a_layer(training=False))


def test_tensorflow_44462_the_backbone_itself_is_a_point():
    """The most natural cut of all: after the nested model."""
    model = vgg16_as_a_layer()
    image = rand(1, 48, 48, 3)
    maps = model.get_layer("vgg16")(model.get_layer("rescale")(image))
    for point in ("vgg16", model.get_layer("vgg16"), model.get_layer("pool").input):
        part_1, part_2 = ks.split(model, [point])
        assert equal(part_1(image), maps)
        assert equal(part_2(maps), model(image))
        assert equal(ks.extract(model, outputs=[point])(image), maps)


# keras#16355: EfficientNetB0 inside a Sequential with two Dense; feature maps and prediction at once.


def test_keras_16355_efficientnet_in_a_sequential_maps_and_prediction_at_once():
    base = keras.applications.EfficientNetB0(weights=None, include_top=False, input_shape=(32, 32, 3), pooling="avg")
    model = keras.Sequential([base, layers.Dense(8, activation="relu", name="fc"), layers.Dense(2, name="scores")])
    model.build((None, 32, 32, 3))
    scramble(model)
    before, image = inbound(model), np.abs(rand(1, 32, 32, 3)) * 100
    both = ks.extract(model, outputs=["efficientnetb0/top_activation", "scores"])
    maps, scores = both(image)
    assert maps.shape == (1, 1, 1, 1280) and equal(scores, model(image))
    assert inbound(model) == before
    assert equal(maps, keras.Model(base.input, base.get_layer("top_activation").output)(image))


# keras#5365: a shared conv subnet on the left and the right input; the inner activation of each branch.


def test_keras_5365_inner_activation_of_each_branch_of_a_shared_subnet():
    i = keras.Input((8, 8, 1))
    y = layers.Conv2D(3, 3, activation="relu", name="conv")(i)
    subnet = keras.Model(i, layers.Flatten(name="flat")(layers.MaxPooling2D(name="pool")(y)), name="subnet")
    left, right = keras.Input((8, 8, 1), name="left"), keras.Input((8, 8, 1), name="right")
    y = layers.Concatenate(name="both")([subnet(left), subnet(right)])
    model = keras.Model([left, right], layers.Dense(1, name="same")(y), name="pairs")
    before, a, b = inbound(model), rand(2, 8, 8, 1), rand(2, 8, 8, 1, seed=1)
    in_left, in_right, same = ks.extract(model, outputs=["subnet/conv", "subnet#2/conv", "same"])([a, b])
    conv = subnet.get_layer("conv")
    assert equal(in_left, conv.call(ops.convert_to_tensor(a)))
    assert equal(in_right, conv.call(ops.convert_to_tensor(b)))
    assert not equal(in_left, in_right) and equal(same, model([a, b]))
    only_right = ks.extract(model, inputs=["right"], outputs=["subnet#2/conv"])
    assert equal(only_right(b), in_right)
    split = ks.split(model, [("subnet/conv", "subnet#2/conv")])
    assert equal(split[0]([a, b]), [in_left, in_right])
    assert equal(split([a, b]), model([a, b]))
    assert inbound(model) == before


# keras#9648: Siamese LSTM after load: drop the shared Embedding, feed vectors.


def siamese_lstm(mask_zero):
    embed, lstm = layers.Embedding(20, 6, mask_zero=mask_zero, name="embed"), layers.LSTM(4, name="lstm")
    one, two = keras.Input((5,), dtype="int32", name="one"), keras.Input((5,), dtype="int32", name="two")
    both = layers.Subtract(name="difference")([lstm(embed(one)), lstm(embed(two))])
    return keras.Model([one, two], layers.Dense(1, activation="sigmoid", name="same")(both), name="siamese_lstm")


PAIRS = [np.array([[3, 7, 2, 0, 0], [1, 2, 3, 4, 0]]), np.array([[5, 1, 0, 0, 0], [9, 9, 2, 1, 6]])]


def test_keras_9648_siamese_lstm_after_load_without_its_embedding(tmp_path):
    siamese_lstm(mask_zero=False).save(tmp_path / "siamese.keras")
    model = keras.saving.load_model(tmp_path / "siamese.keras")
    before, table = inbound(model), arrays(model.get_layer("embed").embeddings)[0]
    rest = ks.extract(model, inputs=["embed", "embed#2"])
    assert "embed" not in [layer.name for layer in rest.layers if layer.weights]
    assert rest.input_shape == [(None, 5, 6), (None, 5, 6)]
    vectors = [table[tokens] for tokens in PAIRS]
    assert equal(rest(vectors), model(PAIRS))
    rest.save(tmp_path / "rest.keras")
    assert close(keras.saving.load_model(tmp_path / "rest.keras").predict(vectors, verbose=0), model(PAIRS))
    assert inbound(model) == before


def test_keras_9648_with_mask_zero_the_masks_are_fed_too(tmp_path):
    siamese_lstm(mask_zero=True).save(tmp_path / "siamese.keras")
    model = keras.saving.load_model(tmp_path / "siamese.keras")
    table = arrays(model.get_layer("embed").embeddings)[0]
    with pytest.raises(ks.SplitError, match="one and two are needed too"):
        ks.extract(model, inputs=["embed", "embed#2"])
    read = {call.inputs: call.name for call in ks.read(model) if call.kind == "NotEqual"}
    masks = [read[("one",)], read[("two",)]]
    rest = ks.extract(model, inputs=["embed", "embed#2", *masks])
    fed = [*(table[tokens] for tokens in PAIRS), *(tokens != 0 for tokens in PAIRS)]
    assert close(rest(fed), model(PAIRS))
    part_1, part_2 = ks.split(model, [("embed", "embed#2")])
    assert close(part_2(numbers(part_1(PAIRS))), model(PAIRS))


# keras#11767: model_2(model_1(x)): gradient with respect to an inner Dense.


def test_keras_11767_gradient_with_respect_to_an_inner_dense():
    i = keras.Input((3, 3, 4))
    y = layers.Dense(6, name="dense")(layers.Flatten(name="flat")(i))
    model_1 = keras.Model(i, layers.Dense(5, activation="tanh", name="target_dense")(y), name="model_1")
    i = keras.Input((5,))
    y = layers.Dense(4, activation="tanh", name="target_dense_1")(i)
    model_2 = keras.Model(i, layers.Dense(2, activation="tanh", name="out")(y), name="model_2")
    x = keras.Input((3, 3, 4), name="x")
    model = keras.Model(x, model_2(model_1(x)), name="connected")
    before, data = inbound(model), rand(2, 3, 3, 4)

    for group, name in (("model_1", "target_dense"), ("model_2", "target_dense_1")):
        both = ks.extract(model, outputs=[f"{group}/{name}", "model_2/out"])
        with tf.GradientTape() as tape:
            inner, out = both(data)
        gradient = tape.gradient(out, inner)
        part_1, part_2 = ks.split(model, [f"{group}/{name}"])
        with tf.GradientTape() as tape:
            tape.watch(cut := part_1(data))
            out = part_2(cut)
        assert equal(cut, inner) and equal(tape.gradient(out, cut), gradient)
        # by hand: the chain rule through tanh
        kernels = [model_2.get_layer(layer).kernel for layer in ("target_dense_1", "out")]
        d_out = (1 - np.square(out)) @ arrays(kernels[1])[0].T
        if group == "model_1":
            hidden = arrays(ks.extract(model, outputs=["model_2/target_dense_1"])(data))[0]
            d_out = (d_out * (1 - np.square(hidden))) @ arrays(kernels[0])[0].T
        assert close(gradient, d_out)
    data = tf.constant(data)
    with tf.GradientTape() as tape:  # the gradient of an inner Dense with respect to the input of the whole
        tape.watch(data)
        inner = ks.extract(model, outputs=["model_2/target_dense_1"])(data)
    assert np.abs(tape.gradient(inner, data)).max() > 0
    assert inbound(model) == before


# keras#10113: MobileNetV2 from block 13's expand to the last conv, for a detection head; several scales.


def mobilenet(side=96, alpha=0.35):
    return scramble(
        keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(side, side, 3), alpha=alpha)
    )


def test_keras_10113_mobilenet_from_block_13_to_the_last_conv_and_several_scales():
    model = mobilenet()
    before, image = inbound(model), rand(1, 96, 96, 3)
    c4, c5 = ks.extract(model, outputs=["block_13_expand_relu", "Conv_1"])(image)
    assert c4.shape[1:3] == (6, 6) and c5.shape[1:] == (3, 3, 1280)
    between = ks.extract(model, inputs=["block_13_expand_relu"], outputs=["Conv_1"])
    assert equal(between(c4), c5)
    assert names(between)[1] == "block_13_pad" and names(between)[-1] == "Conv_1"
    scales = ["block_3_expand_relu", "block_6_expand_relu", "block_13_expand_relu", "out_relu"]
    pyramid = ks.extract(model, outputs=scales)
    assert equal(pyramid(image)[3], model(image)) and equal(pyramid(image)[2], c4)
    assert [t.shape[1] for t in pyramid.outputs] == [24, 12, 6, 3]
    assert inbound(model) == before

    heads = [layers.Conv2D(2, 1, name=f"boxes_{i}")(t) for i, t in enumerate(pyramid(pyramid.input))]
    detector = keras.Model(pyramid.input, heads, name="detector")
    flat = ks.flatten(detector)
    assert equal(flat(image), detector(image)) and inbound(model) == before


# keras#9980, keras#4593: the decoder of a deep autoencoder as a model.


def test_keras_9980_and_4593_the_decoder_of_a_deep_autoencoder(tmp_path):
    x = y = keras.Input((20,), name="x")
    for i, units in enumerate((16, 8, 3, 8, 16)):
        y = layers.Dense(units, activation="relu" if units != 3 else None, name=f"dense_{i}")(y)
    autoencoder = keras.Model(x, layers.Dense(20, activation="sigmoid", name="decoded")(y), name="autoencoder")
    before, data = inbound(autoencoder), rand(4, 20)
    encoder, decoder = ks.split(autoencoder, ["dense_2"])
    assert encoder.output_shape == (None, 3) and decoder.input_shape == (None, 3)
    assert names(decoder)[1:] == ["dense_3", "dense_4", "decoded"]
    assert equal(decoder(encoder(data)), autoencoder(data))
    assert equal(ks.extract(autoencoder, inputs=["dense_2"])(encoder(data)), autoencoder(data))
    decoder.save(tmp_path / "decoder.keras")
    loaded = keras.saving.load_model(tmp_path / "decoder.keras")
    assert close(loaded.predict(encoder.predict(data, verbose=0), verbose=0), autoencoder(data))
    autoencoder.compile("sgd", "mse")
    autoencoder.fit(data, data, epochs=2, verbose=0)  # training the whole trains its decoder
    assert equal(decoder(encoder(data)), autoencoder(data)) and not close(loaded(encoder(data)), autoencoder(data))
    assert inbound(autoencoder) == before


# keras#20116: a loaded Sequential; the maps of a layer, and the output.


def test_keras_20116_loaded_sequential_maps_of_a_layer_and_the_output(tmp_path):
    made = keras.Sequential(
        [layers.Conv2D(3, 3, name="conv_1"), layers.Conv2D(4, 3, name="conv_2"), layers.Flatten(), layers.Dense(2)]
    )
    x = rand(2, 8, 8, 1)
    expected = arrays(made(x))[0]
    made.save(tmp_path / "cnn.keras")
    model = keras.saving.load_model(tmp_path / "cnn.keras")
    last = model.layers[-1]
    maps, out = ks.extract(model, outputs=["conv_2", last])(x)
    assert equal(out, expected) and equal(maps, made.layers[1](made.layers[0](x)))
    part_1, part_2 = ks.split(model, [model.get_layer("conv_2")])
    assert equal(part_2(part_1(x)), expected)


# keras#8772, keras#2371, keras#13702: drop the last (or first) layers of VGG16/ResNet/Inception, keep the rest.

POPPED = [
    pytest.param("VGG16", 32, "fc2", "block1_pool", id="keras_2371_vgg16"),
    pytest.param("ResNet50", 32, "avg_pool", "conv2_block1_out", id="keras_8772_resnet50"),
    pytest.param("InceptionV3", 75, "mixed8", "mixed0", id="keras_13702_inception"),
]


@pytest.mark.parametrize(("name", "side", "last", "first"), POPPED)
def test_drop_the_last_or_the_first_layers_and_keep_the_rest(name, side, last, first):
    build = getattr(keras.applications, name)
    if name == "InceptionV3":
        model = build(weights=None, include_top=False, input_shape=(side, side, 3))
    else:
        model = build(weights=None, classes=7, classifier_activation=None, input_shape=(side, side, 3))
    before, image = inbound(scramble(model)), rand(1, side, side, 3)
    expected, seen = arrays(model(image))[0], values(model.weights)
    without_last = ks.extract(model, outputs=[last])
    without_first = ks.extract(model, inputs=[first])
    assert without_last.layers[-1].name == last and len(without_last.layers) < len(model.layers)
    assert model.layers[1].name not in names(without_first)
    assert equal(ks.extract(model, inputs=[last])(without_last(image)), expected)
    assert equal(without_first(ks.extract(model, outputs=[first])(image)), expected)
    assert ids(without_last) < ids(model) and ids(without_first) < ids(model)

    new = layers.Dense(4, name="new")(layers.Flatten(name="new_flat")(without_last.output))
    own = keras.Model(without_last.input, new)
    assert own(image).shape == (1, 4)
    assert inbound(model) == before and all(map(np.array_equal, values(model.weights), seen))
    assert model.trainable and all(layer.trainable for layer in model.layers)


# keras#17569: insert or replace a layer in the middle of a conv net.


def test_keras_17569_insert_a_layer_in_the_middle(tmp_path):
    model = small_resnet()
    before, image = inbound(model), rand(2, 8, 8, 3)
    split = ks.split(model, ["out_1"])
    i = keras.Input(split[0].output_shape[1:])
    split.parts = (keras.Model(split[0].input, layers.Lambda(lambda t: t, name="inserted")(split[0].output)), split[1])
    assert equal(split.join()(image), model(image))  # an identity changes nothing

    part_1, part_2 = ks.split(model, ["out_1"])
    noise = keras.Model(i, layers.Conv2D(4, 1, name="inserted")(i), name="middle")
    x = keras.Input((8, 8, 3), name="image")
    longer = ks.flatten(keras.Model(x, part_2(noise(part_1(x))), name="longer"))
    assert equal(longer(image), part_2(noise(part_1(image))))
    assert len(longer.layers) == len(model.layers) + 1
    longer.save(tmp_path / "longer.keras")
    assert equal(keras.saving.load_model(tmp_path / "longer.keras")(image), longer(image))
    assert inbound(model) == before


def test_keras_17569_replace_a_layer_in_the_middle(tmp_path):
    model = small_resnet()
    before, old, image = inbound(model), values(model.weights), rand(2, 8, 8, 3)
    split = ks.split(model, ["add_1", "out_1"])  # around the ReLU
    assert names(split[1])[1:] == ["out_1"]
    i = keras.Input((8, 8, 4))
    split.parts = (split[0], keras.Model(i, layers.LeakyReLU(0.2, name="leaky")(i)), split[2])
    joined = split.join()
    assert "leaky" in names(joined) and "out_1" not in names(joined)
    assert [n for n in names(joined) if n != "leaky"] == [n for n in names(model) if n != "out_1"]
    assert equal(joined(image), split[2](layers.LeakyReLU(0.2)(split[0](image))))
    assert not equal(joined(image), model(image))
    joined.save(tmp_path / "joined.keras")
    assert equal(keras.saving.load_model(tmp_path / "joined.keras")(image), joined(image))
    assert inbound(model) == before and all(map(np.array_equal, values(model.weights), old))


def test_keras_17569_replace_a_layer_inside_a_residual_branch():
    model = small_resnet()
    image = rand(2, 8, 8, 3)
    split = ks.split(model, ["conv_1", "bn_1"])  # the skip runs beside and is handed through
    skip, y = (keras.Input(t.shape[1:]) for t in split[1].inputs)
    order = [t.name for t in split[1].inputs]
    assert order == ["stem", "conv_1"]
    norm = layers.GroupNormalization(2, name="group_norm")
    split.parts = (split[0], keras.Model([skip, y], [layers.Identity()(skip), norm(y)]), split[2])
    joined = split.join()
    stem, conv = split[0](image)
    assert equal(joined(image), split[2]([stem, norm(conv)]))
    assert "group_norm" in names(joined) and "bn_1" not in names(joined)


# keras#4398, keras#8131: flatten a model of models.


def test_keras_4398_and_8131_flatten_a_model_of_models(tmp_path):
    i = keras.Input((8, 8, 3))
    block = keras.Sequential(
        [i, layers.Conv2D(4, 3, padding="same", name="conv"), layers.BatchNormalization(name="bn")]
    )
    block.name = "block"
    i = keras.Input((8, 8, 3))
    y = layers.Add(name="add")([layers.Conv2D(4, 1, name="short")(i), block(i)])
    backbone = keras.Model(i, y, name="backbone")
    head = keras.Sequential(
        [keras.Input((8, 8, 4)), layers.GlobalMaxPooling2D(name="max"), layers.Dense(2, name="out")]
    )
    head.name = "head"
    model = scramble(keras.Sequential([keras.Input((8, 8, 3), name="image"), backbone, head], name="all"))
    before, image, wanted = inbound(model), rand(4, 8, 8, 3), rand(4, 2, seed=1)
    flat = ks.flatten(model)
    assert not any(isinstance(layer, keras.Model) for layer in flat.layers)
    assert sorted(names(flat)[1:]) == sorted(
        ["backbone_short", "backbone_block_conv", "backbone_block_bn", "backbone_add", "head_max", "head_out"]
    )
    assert ids(flat) == ids(model) and equal(flat(image), model(image))
    flat.save(tmp_path / "flat.keras")
    assert equal(keras.saving.load_model(tmp_path / "flat.keras")(image), model(image))
    # weights loaded by the flat model are those of the nested one, and a step of training is the same
    start, variables = values(model.weights), model.trainable_weights
    _, nested_gradients = step_gradients(lambda x: model(x, training=True), variables, image, wanted)
    moved = values(model.non_trainable_weights)
    for weight, value in zip(model.weights, start, strict=True):
        weight.assign(value)
    _, flat_gradients = step_gradients(lambda x: flat(x, training=True), variables, image, wanted)
    assert equal(flat_gradients, nested_gradients) and equal(model.non_trainable_weights, moved)
    assert inbound(model) == before


# tensorflow#43597, keras#12187: two copies of one backbone in one model.


def test_tensorflow_43597_and_keras_12187_two_copies_of_one_backbone_in_one_model(tmp_path):
    backbone = small_resnet()
    before, old = inbound(backbone), values(backbone.weights)
    rgb, depth = (keras.Input((8, 8, 3), name=name) for name in ("rgb", "depth"))
    left, right = (ks.flatten(backbone, weights="copy", prefix=prefix) for prefix in ("rgb_", "depth_"))
    y = layers.Concatenate(name="both")([left(rgb), right(depth)])
    model = keras.Model([rgb, depth], layers.Dense(2, name="out")(y), name="two_streams")
    a, b = rand(2, 8, 8, 3), rand(2, 8, 8, 3, seed=1)
    flat = ks.flatten(model)
    assert len(set(names(flat))) == len(names(flat)) and not ids(flat) & ids(backbone)
    assert equal(flat([a, b]), model([a, b]))
    assert equal(ks.extract(model, outputs=["both"])([a, b]), ops.concatenate([backbone(a), backbone(b)], axis=-1))
    flat.save(tmp_path / "two.keras")
    assert equal(keras.saving.load_model(tmp_path / "two.keras")([a, b]), model([a, b]))
    # each stream learns for itself
    variables = [*left.trainable_weights, *right.trainable_weights]
    _, gradients = step_gradients(lambda x: model(x, training=True), variables, [a, b], rand(2, 2))
    half = len(gradients) // 2
    assert not equal(gradients[:half], gradients[half:])
    left.weights[0].assign_add(np.ones(left.weights[0].shape))
    assert np.array_equal(values(right.weights)[0], old[0])
    assert all(map(np.array_equal, values(backbone.weights), old)) and inbound(backbone) == before


def test_keras_12187_the_parts_of_two_copies_fit_together():
    backbone = small_resnet()
    x = keras.Input((8, 8, 3), name="x")
    copies = [ks.split(backbone, ["out_1"], weights="copy", prefix=prefix) for prefix in ("a_", "b_")]
    trunk, (heads_a, heads_b) = copies[0][0], (copies[0][1], copies[1][1])
    shared = trunk(x)
    model = keras.Model(x, [heads_a(shared), heads_b(shared)], name="two_heads")
    image = rand(2, 8, 8, 3)
    for out in model(image):
        assert equal(out, backbone(image))


# keras#6169, keras#3524: Embedding with mask_zero feeding an RNN where one side is a sub-model.

TOKENS = np.array([[3, 4, 0, 0, 5, 0, 0], [1, 2, 3, 0, 0, 0, 0]])


def rnn_in_a_sub_model():
    i = keras.Input((7, 6))
    y = layers.Dense(6, name="d")(i)
    encoder = keras.Model(i, layers.LSTM(4, name="lstm")(y), name="encoder")
    tokens = keras.Input((7,), dtype="int32", name="tokens")
    y = encoder(layers.Embedding(11, 6, mask_zero=True, name="embed")(tokens))
    return keras.Model(tokens, layers.Dense(2, name="out")(y), name="rnn_inside")


def rnn_in_a_sequential():
    encoder = keras.Sequential(
        [keras.Input((7, 6)), layers.GRU(4, return_sequences=True, name="gru"), layers.GRU(3, name="gru_2")],
        name="encoder",
    )
    tokens = keras.Input((7,), dtype="int32", name="tokens")
    y = encoder(layers.Embedding(11, 6, mask_zero=True, name="embed")(tokens))
    return keras.Model(tokens, layers.Dense(2, name="out")(y), name="gru_inside")


def embedding_in_a_sub_model():
    i = keras.Input((7,), dtype="int32")
    words = keras.Model(i, layers.Embedding(11, 6, mask_zero=True, name="embed")(i), name="words")
    tokens = keras.Input((7,), dtype="int32", name="tokens")
    y = layers.LSTM(4, name="lstm")(words(tokens))
    return keras.Model(tokens, layers.Dense(2, name="out")(y), name="embedding_inside")


def embedding_in_a_sequential():
    words = [keras.Input((7,), dtype="int32"), layers.Embedding(11, 6, mask_zero=True, name="embed")]
    words = keras.Sequential([*words, layers.Dropout(0.2, name="drop")], name="words")
    return keras.Sequential(
        [keras.Input((7,), dtype="int32", name="tokens"), words, layers.LSTM(4, name="lstm"), layers.Dense(2)]
    )


def both_in_sub_models():
    i = keras.Input((7,), dtype="int32")
    words = keras.Model(i, layers.Embedding(11, 6, mask_zero=True, name="embed")(i), name="words")
    i = keras.Input((7, 6))
    encoder = keras.Model(i, layers.LSTM(4, name="lstm")(i), name="encoder")
    tokens = keras.Input((7,), dtype="int32", name="tokens")
    return keras.Model(tokens, layers.Dense(2, name="out")(encoder(words(tokens))), name="both_inside")


def check_masks_through_numpy(model, tmp_path):
    before, expected = inbound(model), arrays(model(TOKENS))[0]
    other = np.where(TOKENS == 0, 7, TOKENS)  # other words where the padding was: the mask does matter
    assert not np.allclose(model(other), expected, atol=1e-3)
    for point in reversed(legal_points(model)):
        split = ks.split(model, [point])
        part_1, part_2 = split
        assert equal(part_2(part_1(TOKENS)), expected), point
        assert close(part_2(numbers(part_1(TOKENS))), expected), point
        assert equal(split.join()(TOKENS), expected), point
    assert split.verify(TOKENS).ok
    assert close(part_2.predict(part_1.predict(TOKENS, verbose=0), verbose=0), expected)
    split.save(tmp_path / "s")
    assert close(ks.Split.load(tmp_path / "s")(TOKENS), expected)
    assert inbound(model) == before


@pytest.mark.parametrize("make", [rnn_in_a_sub_model, rnn_in_a_sequential], ids=lambda make: make.__name__)
@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")
def test_keras_6169_embedding_with_mask_zero_feeds_a_sub_model(make, tmp_path):
    check_masks_through_numpy(make(), tmp_path)


@pytest.mark.parametrize(
    "make", [embedding_in_a_sub_model, embedding_in_a_sequential, both_in_sub_models], ids=lambda make: make.__name__
)
@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")
def test_keras_3524_the_embedding_with_mask_zero_is_in_a_sub_model(make, tmp_path):
    check_masks_through_numpy(make(), tmp_path)


# keras-contrib#259: cache bottleneck features, then train the top; must converge as the whole does.


def top_variables(model):
    return [w for name in ("fc", "scores") for w in model.get_layer(name).trainable_weights]


def test_keras_contrib_259_cached_features_and_the_frozen_whole_train_alike(tmp_path):
    model = small_resnet(dropout=0.3)
    images, wanted = rand(6, 8, 8, 3), rand(6, 3, seed=1)
    before, old = inbound(model), values(model.weights)

    # The trap: only the top is trained, but BatchNorm below runs in training mode, on the statistics of each batch. The
    # cache was made with the moving averages: the two never see the same features, and the averages move meanwhile.
    trap = twin_of(model)
    trapped = sgd(lambda x: trap(x, training=True), top_variables(trap), images, wanted)

    # The right way: part 1 is frozen, which puts its BatchNorm in inference mode, and its output is cached.
    split = ks.split(model, ["pool"], weights="copy")
    part_1, part_2 = split
    part_1.trainable = False
    assert part_1.trainable_weights == []
    assert equal(part_1(images, training=True), part_1(images))
    np.save(tmp_path / "bottleneck.npy", numbers(part_1(images)))
    cached = np.load(tmp_path / "bottleneck.npy")
    assert close(part_1.predict(images, verbose=0), cached)
    on_cache = sgd(lambda x: part_2(x, training=True), part_2.trainable_weights, cached, wanted)

    frozen = twin_of(model)
    for layer in frozen.layers[: names(frozen).index("fc")]:
        layer.trainable = False
    whole = sgd(lambda x: frozen(x, training=True), frozen.trainable_weights, images, wanted)

    np.testing.assert_allclose(on_cache, whole, rtol=1e-6)
    assert on_cache[-1] < on_cache[0]
    assert close(split.join()(images), frozen(images))
    assert abs(trapped[0] - on_cache[0]) > 1e-3 * on_cache[0]
    assert not close(trap.get_layer("bn_1").moving_mean, model.get_layer("bn_1").moving_mean)
    assert equal(frozen.get_layer("bn_1").moving_mean, part_1.get_layer("bn_1").moving_mean)
    assert inbound(model) == before and all(map(np.array_equal, values(model.weights), old))


def test_keras_contrib_259_without_freezing_the_trap_is_the_same_in_the_parts():
    """Parts are no remedy in themselves: an unfrozen part 1 in training mode falls in the trap as the whole does."""
    model = small_resnet()
    images = rand(6, 8, 8, 3)
    part_1, _ = ks.split(model, ["pool"], weights="copy")
    assert not close(part_1(images, training=True), part_1(images, training=False))
    whole = ks.extract(twin_of(model), outputs=["pool"])
    part_1, _ = ks.split(model, ["pool"], weights="copy")
    assert equal(part_1(images, training=True), whole(images, training=True))


def test_keras_contrib_259_a_layer_frozen_in_the_model_is_frozen_in_its_part():
    model = small_resnet()
    model.get_layer("bn_1").trainable = False
    split = ks.split(model, ["conv_2"])
    images, start = rand(6, 8, 8, 3), values(model.weights)
    expected = arrays(model(images, training=True))[0]
    moved = values(model.weights)
    still = {w.path for w, a, b in zip(model.weights, start, moved, strict=True) if np.array_equal(a, b)}
    assert "bn_1/moving_mean" in still and "bn_2/moving_mean" not in still
    for weight, value in zip(model.weights, start, strict=True):
        weight.assign(value)
    assert equal(chained(split, training=True)(images), expected)
    assert equal(model.weights, moved)
    assert [w.path for part in split for w in part.trainable_weights] == [w.path for w in model.trainable_weights]


TOP = ["fc/kernel", "fc/bias", "scores/kernel", "scores/bias"]


def test_keras_contrib_259_a_frozen_part_is_still_frozen_after_loading(tmp_path):
    split = ks.split(small_resnet(), ["pool"], weights="copy")
    split[0].trainable = False
    split.save(tmp_path / "s")
    loaded = ks.Split.load(tmp_path / "s")
    assert [w.path for part in loaded for w in part.trainable_weights] == TOP
    images = rand(4, 8, 8, 3)
    assert close(loaded[0](images, training=True), split[0](images))


@pytest.mark.parametrize("weights", ["share", "copy"])
def test_keras_contrib_259_a_frozen_part_is_not_trained_in_a_larger_model(weights):
    model = small_resnet()
    images, wanted = rand(6, 8, 8, 3), rand(6, 3, seed=1)
    flags = [w.trainable for w in model.weights]
    part_1, part_2 = ks.split(model, ["pool"], weights=weights)
    part_1.trainable = False
    old = values(part_1.weights)
    x = keras.Input((8, 8, 3))
    chain = keras.Model(x, part_2(part_1(x)))
    chain.compile("sgd", "mse")
    chain.fit(images, wanted, verbose=0)
    assert all(map(np.array_equal, values(part_1.weights), old))
    assert [w.path for w in chain.trainable_weights] == TOP
    assert [w.trainable for w in model.weights] == flags


@pytest.mark.parametrize("weights", ["share", "copy"])
def test_keras_contrib_259_a_frozen_part_stays_frozen_when_joined(weights):
    split = ks.split(small_resnet(), ["pool"], weights=weights)
    split[0].trainable = False
    assert [w.path for w in split.join().trainable_weights] == TOP


@pytest.mark.parametrize("weights", ["share", "copy"])
def test_keras_5074_some_layers_of_a_part_can_be_frozen(weights):
    """As everybody does: ``for layer in model.layers[:n]: layer.trainable = False``."""
    model = small_resnet()
    flags = [w.trainable for w in model.weights]
    _, part_2 = ks.split(model, ["out_1"], weights=weights)
    for layer in part_2.layers[: names(part_2).index("fc")]:
        layer.trainable = False
    assert [w.path for w in part_2.trainable_weights] == TOP
    assert [w.trainable for w in model.weights] == flags


def test_keras_2371_without_its_last_layers_and_frozen_under_a_new_top():
    base = ks.extract(small_resnet(), outputs=["pool"])
    base.trainable = False
    new = keras.Model(base.input, layers.Dense(4, name="new")(base.output))
    assert [w.path for w in new.trainable_weights] == ["new/kernel", "new/bias"]


# Training through the parts is training the whole, step by step (keras#5074, keras-contrib#259).


@pytest.mark.parametrize("points", [["pool"], ["conv_2"], ["stem", "bn_1", "out_2", "drop"]], ids=str)
@pytest.mark.parametrize("weights", ["share", "copy"])
def test_keras_contrib_259_one_step_through_the_parts_is_a_step_of_the_whole(points, weights):
    model = small_resnet(dropout=0.3)
    images, wanted = rand(6, 8, 8, 3), rand(6, 3, seed=1)
    whole = twin_of(model)
    split = ks.split(model, points, weights=weights)
    trained = [w for part in split for w in part.trainable_weights]
    assert [w.path for w in trained] == [w.path for w in whole.trainable_weights]
    one = step_gradients(lambda x: whole(x, training=True), whole.trainable_weights, images, wanted)
    two = step_gradients(chained(split, training=True), trained, images, wanted)
    assert two[0] == one[0] and equal(two[1], one[1])
    stay = [w for part in split for w in part.non_trainable_weights]
    assert equal(stay, whole.non_trainable_weights)  # moving averages
    # a second forward pass: the dropout goes on with the next mask in both
    assert equal(chained(split, training=True)(images), whole(images, training=True))
    assert equal(chained(split, training=False)(images), whole(images, training=False))
    if weights == "copy":
        assert not equal(model.get_layer("bn_1").moving_mean, whole.get_layer("bn_1").moving_mean)


@pytest.mark.parametrize("wiring", ["relay", "direct"])
def test_keras_contrib_259_sgd_through_the_parts_gives_the_losses_of_the_whole(wiring):
    model = small_resnet(dropout=0.3)
    images, wanted = rand(6, 8, 8, 3), rand(6, 3, seed=1)
    split = ks.split(model, ["conv_1", "conv_2", "pool"], weights="copy", wiring=wiring)
    trained = [w for part in split for w in part.trainable_weights]
    by_parts = sgd(lambda x: split(x, training=True), trained, images, wanted, steps=6)
    whole = sgd(lambda x: model(x, training=True), model.trainable_weights, images, wanted, steps=6)
    np.testing.assert_allclose(by_parts, whole, rtol=1e-6)
    assert whole[-1] < whole[0]
    assert close([w for part in split for w in part.weights], model.weights)
    assert close(split(images), model(images))


def test_keras_contrib_259_fit_on_the_chained_and_on_the_joined_parts_is_fit_on_the_model():
    images, wanted = rand(8, 8, 8, 3), rand(8, 3, seed=1)
    model = small_resnet(dropout=0.3)
    before = inbound(model)
    chain = ks.split(model, ["add_1", "pool"], weights="copy")
    x = keras.Input((8, 8, 3))
    rest = [keras.Model(x, chain[2](chain[1](chain[0](x)))), ks.split(model, ["bn_2"], weights="copy").join()]
    losses = []
    for each in (model, *rest):
        each.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse")
        losses.append(each.fit(images, wanted, batch_size=4, epochs=3, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    np.testing.assert_allclose(losses[2], losses[0], rtol=1e-4)
    for each in rest:
        np.testing.assert_allclose(each(images), model(images), rtol=1e-3, atol=1e-4)
    assert inbound(model) == before


def test_keras_5074_a_loaded_split_trains_on_like_the_one_that_was_saved(tmp_path):
    images, wanted = rand(6, 8, 8, 3), rand(6, 3, seed=1)
    split = ks.split(small_resnet(), ["conv_2"], weights="copy")  # Keras saves no seeds: no dropout here
    sgd(chained(split, training=True), [w for part in split for w in part.trainable_weights], images, wanted, steps=1)
    split.save(tmp_path / "s")
    losses = [
        sgd(chained(each, training=True), [w for p in each for w in p.trainable_weights], images, wanted, steps=3)
        for each in (split, ks.Split.load(tmp_path / "s"))
    ]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-6)


def test_keras_contrib_259_penalties_of_the_parts_add_up_to_those_of_the_whole():
    x = keras.Input((5,), name="x")
    y = layers.Dense(6, kernel_regularizer="l2", activation="tanh", name="a")(x)
    y = layers.Dense(6, activity_regularizer="l1", name="b")(y)
    y = layers.Dense(2, bias_regularizer="l1", name="c")(layers.ActivityRegularization(l2=0.1, name="act")(y))
    model = scramble(keras.Model(x, y, name="regular"))
    data = rand(4, 5)
    model(data, training=True)
    expected = sorted(float(loss) for loss in model.losses)
    assert len(expected) == 4
    for point in ("a", "b", "act"):
        split = ks.split(model, [point])
        chained(split, training=True)(data)
        assert sorted(float(loss) for part in split for loss in part.losses) == expected
        joined = split.join()
        joined(data, training=True)
        assert sorted(float(loss) for loss in joined.losses) == expected


def test_keras_9648_a_layer_on_both_sides_gets_the_gradients_of_both():
    model = siamese_lstm(mask_zero=True)
    wanted = rand(2, 1)
    split = ks.split(model, [("embed", "lstm")])
    assert "lstm" in split.tied
    one = step_gradients(lambda x: model(x, training=True), model.trainable_weights, PAIRS, wanted)
    two = step_gradients(chained(split, training=True), model.trainable_weights, PAIRS, wanted)
    assert two[0] == one[0]
    assert equal(two[1], one[1])


def test_tensorflow_47278_gradients_handed_back_part_by_part():
    """Without a pipeline, the parts already train as one would: each with a tape of its own, on NumPy hand-off."""
    model = small_resnet()
    images, wanted = rand(6, 8, 8, 3), rand(6, 3, seed=1)
    whole = twin_of(model)
    _, expected = step_gradients(lambda x: whole(x, training=True), whole.trainable_weights, images, wanted)
    part_1, part_2 = ks.split(model, ["conv_2"], weights="copy")
    with tf.GradientTape() as first:
        made = part_1(images, training=True)
    sent = [tf.constant(array) for array in numbers(made)]
    with tf.GradientTape() as second:
        second.watch(sent)
        loss = tf.reduce_mean(tf.square(part_2(sent, training=True) - wanted))
    back, tail = second.gradient(loss, (sent, [w.value for w in part_2.trainable_weights]))
    head = first.gradient(made, [w.value for w in part_1.trainable_weights], output_gradients=back)
    assert close([*head, *tail], expected)


# google-coral/edgetpu#418, #671: MobileNetV2 cut at block_14_add for two accelerators.


def test_edgetpu_418_and_671_mobilenet_at_block_14_add_for_two_accelerators(tmp_path):
    model = mobilenet(32)
    before, image = inbound(model), rand(1, 32, 32, 3)
    cut = ks.cut_at(model, "block_14_add")
    assert cut.is_candidate and cut.tensors == ("block_14_add",)
    split = ks.split(model, [cut])
    assert split[0].layers[-1].name == "block_14_add" and names(split[1])[1] == "block_15_expand"
    assert ids(*split) == ids(model) and not ids(split[0]) & ids(split[1])
    assert equal(split(image), model(image))
    split.save(tmp_path / "s")
    carried = image
    for name in ("part_1", "part_2"):
        carried = numbers(keras.saving.load_model(tmp_path / "s" / f"{name}.keras")(carried))
    assert close(carried, model(image))
    assert inbound(model) == before


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_edgetpu_418_each_part_becomes_a_tflite_file():
    x = keras.Input(batch_shape=(1, 8, 8, 3), name="image")
    y = layers.Conv2D(4, 3, padding="same", name="conv")(x)
    y = layers.Add(name="block_14_add")([y, layers.ReLU(name="act")(y)])
    model = keras.Model(x, layers.Conv2D(2, 1, name="out")(y), name="accelerated")
    carried = image = rand(1, 8, 8, 3)
    for part in ks.split(model, ["block_14_add"]):
        content = tf.lite.TFLiteConverter.from_keras_model(part).convert()
        runner = tf.lite.Interpreter(model_content=content)
        runner.allocate_tensors()
        runner.set_tensor(runner.get_input_details()[0]["index"], carried)
        runner.invoke()
        carried = runner.get_tensor(runner.get_output_details()[0]["index"])
    assert close(carried, model(image))


# onnx#3770: LeNet on two machines: head here, tail there, send the tensor.

THERE = """
    import io, sys
    sys.modules["kerassplit_widget"] = None  # not installed there
    import keras, numpy as np
    tail = keras.saving.load_model(sys.argv[1])
    received = np.load(io.BytesIO(sys.stdin.buffer.read()))
    answer = io.BytesIO()  # a pipe has no position, which np.save asks for
    np.save(answer, tail.predict(received, verbose=0))
    sys.stdout.buffer.write(answer.getvalue())
"""


def test_onnx_3770_lenet_head_here_tail_there(tmp_path):
    lenet = keras.Sequential(
        [
            keras.Input((28, 28, 1), name="digit"),
            layers.Conv2D(6, 5, padding="same", activation="tanh", name="c1"),
            layers.AveragePooling2D(2, name="s2"),
            layers.Conv2D(16, 5, activation="tanh", name="c3"),
            layers.AveragePooling2D(2, name="s4"),
            layers.Flatten(name="flatten"),
            layers.Dense(120, activation="tanh", name="c5"),
            layers.Dense(84, activation="tanh", name="f6"),
            layers.Dense(10, activation="softmax", name="output"),
        ],
        name="lenet",
    )
    digits = rand(3, 28, 28, 1)
    split = ks.split(lenet, ["s4"])
    split.save(tmp_path / "s")
    assert json.loads((tmp_path / "s" / "manifest.json").read_text())["parts"][1]["needs"] == []
    message = io.BytesIO()
    np.save(message, split[0].predict(digits, verbose=0))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(THERE), str(tmp_path / "s" / "part_2.keras")],
        input=message.getvalue(),
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert close(np.load(io.BytesIO(done.stdout)), lenet(digits))
    assert ks.cut_at(lenet, "s4").nbytes(batch_size=3) == 3 * 5 * 5 * 16 * 4  # what is sent


# PiPPy#863, torchtitan#1054: empty stages; is the named layer left or right of the cut?


def test_torchtitan_1054_the_named_layer_is_left_of_the_cut():
    model = small_resnet()
    for point in legal_points(model):
        part_1, part_2 = ks.split(model, [point])
        assert point in names(part_1)
        assert not any(layer.name == point and layer.weights for layer in part_2.layers)
        assert point in [tensor.name for tensor in part_2.inputs]


@pytest.mark.parametrize("wiring", ["relay", "direct"])
def test_pippy_863_no_stage_is_empty(wiring):
    model = small_resnet()
    points = legal_points(model)
    split = ks.split(model, [*points, *points, ks.cut_at(model, "pool"), tuple(points[:2])], wiring=wiring)
    for part in split:
        assert any(not isinstance(layer, layers.InputLayer) for layer in part.layers)
    image = rand(2, 8, 8, 3)
    assert equal(split(image), model(image))
    for end in ("image", "scores"):
        with pytest.raises(ks.SplitError, match="would be empty"):
            ks.split(model, [end])


# Left out here, for the issues that bring what they ask for:
# tensorflow#48641, keras#19717          a readable picture of a range of layers
# keras#18391, keras-flops#13            FLOPs, and per layer
# google-coral/edgetpu#418, #671         parts of equal memory (the planner; the cut itself is above)
# tensorflow#47278                       pipeline parallelism on two devices (training part by part is above)
# netron#96, #1324, model-explorer#365   the live picture in the notebook, and the way back into Python
