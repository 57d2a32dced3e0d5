"""Counters of the layers that do nothing, that cannot be looked into, or that are so frequent that looking is slow.

All other layers are counted from inside, see `Counter`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras

from kerassplit_widget.models.counting import ops
from kerassplit_widget.models.counting.work import Count, Site, Work, shape_of, size_of

__all__ = ["FREE_LAYERS", "LAYERS", "UNKNOWN_LAYERS"]

_FREE = """
    InputLayer Identity Dropout AlphaDropout GaussianDropout GaussianNoise SpatialDropout1D SpatialDropout2D
    SpatialDropout3D ActivityRegularization Flatten Reshape Permute RepeatVector Cropping1D Cropping2D Cropping3D
    ZeroPadding1D ZeroPadding2D ZeroPadding3D Concatenate CenterCrop UpSampling1D UpSampling3D
    AugMix CutMix MixUp RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop
    RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert
    RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation
    RandomZoom MaxNumBoundingBoxes
    CategoryEncoding Discretization HashedCrossing Hashing IntegerLookup StringLookup TextVectorization
"""

FREE_LAYERS = frozenset(_FREE.split())
"""Layers that compute nothing without training: moves, noise, augmentation, and the looking up of words and bins."""

UNKNOWN_LAYERS: Mapping[str, str] = {
    name: reason
    for reason, names in {
        "another library runs it": "FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper",
        "it is not described": "AutoContrast ContrastLimitedAdaptiveHistogramEqualization Equalization Solarization "
        "MelSpectrogram",
        "it runs layers made for data, not for models": "Pipeline",
        "it is a base class": "Layer Wrapper",
    }.items()
    for name in names.split()
}
"""From the name of a layer whose work is unknown to why."""


def _conv(site: Site) -> Work:
    layer = site.operation
    return ops.convolution(site.out, shape_of(layer.kernel)) + _ending(site)


def _conv_transpose(site: Site) -> Work:
    return ops.convolution_transpose(site.elements, shape_of(site.operation.kernel)) + _ending(site)


def _depthwise(site: Site) -> Work:
    return ops.depthwise(site.out, shape_of(site.operation.kernel)) + _ending(site)


def _separable(site: Site) -> Work:
    layer = site.operation
    return ops.separable(site.out, shape_of(layer.depthwise_kernel), shape_of(layer.pointwise_kernel)) + _ending(site)


def _dense(site: Site) -> Work:
    # Not from the kernel: it may be packed (int4).
    return Work(site.out * shape_of(site.fed[0])[-1]) + _lora(site) + _ending(site)


def _lora(site: Site) -> Work:
    """Count the product of the two small matrices, which is added to the kernel."""
    layer = site.operation
    if not getattr(layer, "lora_enabled", False):
        return Work()
    wide = shape_of(site.fed[0])[-1] * layer.units
    return Work(wide * layer.lora_rank, 2 * wide)


def _ending(site: Site) -> Work:
    """Count the bias and the activation at the end of a layer."""
    layer = site.operation
    bias = Work(other=site.out if layer.use_bias else 0)
    return bias + site.counter.function(layer.activation, site.outputs[0])


def _activation(site: Site) -> Work:
    return site.counter.function(site.operation.activation, site.fed[0])


def _batch_norm(site: Site) -> Work:
    layer = site.operation
    return ops.batch_norm(site.out, shape_of(site.fed[0])[layer.axis], scale=layer.scale)


def _embedding(site: Site) -> Work:
    if getattr(site.operation, "lora_enabled", False):
        return Work(math.prod(shape_of(site.operation.embeddings)) * site.operation.lora_rank, 2 * site.elements)
    return Work(other=2 * site.elements)  # as `ops.take`


def _merge(each: int, last: int = 0) -> Count:
    """Make the counter of a layer that combines tensors element by element."""

    def count(site: Site) -> Work:
        return Work(other=site.out * (each * (len(site.fed) - 1) + last))

    return count


def _pool(site: Site) -> Work:
    return Work(other=site.out * math.prod(site.operation.pool_size))


def _global_average(site: Site) -> Work:
    return Work(other=site.elements)


def _masked_average(site: Site) -> Work:
    mask = site.argument("mask")
    ones = 0 if mask is None else size_of(mask) - shape_of(mask)[0]  # which are added up too
    return Work(other=site.elements + ones)


def _global_max(site: Site) -> Work:
    return Work(other=site.elements - site.out)


def _adaptive_pool(site: Site) -> Work:
    last = site.operation.data_format != "channels_first"
    return ops.adaptive_pool(shape_of(site.fed[0]), shape_of(site.outputs[0]), channels_last=last)


def _upsampling(site: Site) -> Work:
    return ops.resize_work(site.elements, site.out, site.operation.interpolation)


def _resizing(site: Site) -> Work:
    return ops.resize_work(site.elements, site.out, site.operation.interpolation)


def _softmax(site: Site) -> Work:
    return Work(other=5 * site.out)


def _rescaling(site: Site) -> Work:
    return Work(other=2 * site.out)


def _masking(site: Site) -> Work:
    return Work(other=site.out)  # times the mask; old versions of Keras cannot be looked into


def _normalization(site: Site) -> Work:
    layer = site.operation
    variance = layer.variance if layer.variance is not None else layer.input_variance
    return Work(other=2 * site.out + size_of(variance))


def _recurrent(site: Site) -> Work:
    """Count a step of the cell, as often as there are steps. The steps of masked ones are made too."""
    layer = site.operation
    sequences = site.argument("sequences")
    shape = shape_of(sequences)
    step = _tensor((shape[0], *shape[2:]), sequences.dtype)
    given = site.argument("initial_state")
    if given is None:
        given = layer.get_initial_state(batch_size=shape[0])
    states = keras.tree.map_structure(lambda state: _tensor(shape_of(state), step.dtype), given)
    states = list(states) if isinstance(states, list | tuple) else [states]
    return site.counter.layer(layer.cell, step, states).times(shape[1])


def _recurrent_convolution(site: Site) -> Work:
    """As `_recurrent`; the states are images like the output."""
    layer = site.operation
    sequences = site.argument("sequences")
    shape, made = shape_of(sequences), shape_of(site.outputs[0])
    image = (made[0], *made[2:]) if layer.return_sequences else made
    states = [_tensor(image, sequences.dtype) for _ in range(2)]
    step = _tensor((shape[0], *shape[2:]), sequences.dtype)
    return site.counter.layer(layer.cell, step, states).times(shape[1])


def _time_distributed(site: Site) -> Work:
    fed = site.fed[0]
    shape = shape_of(fed)
    return site.counter.layer(site.operation.layer, _tensor((shape[0], *shape[2:]), fed.dtype)).times(shape[1])


def _tensor(shape: tuple[int, ...], dtype: Any) -> keras.KerasTensor:
    return keras.KerasTensor(shape, keras.backend.standardize_dtype(dtype), name="step")


def _kinds(names: str, count: Count) -> dict[str, Count]:
    return dict.fromkeys(names.split(), count)


LAYERS: Mapping[str, Count] = {
    **_kinds("Conv1D Conv2D Conv3D", _conv),
    **_kinds("Conv1DTranspose Conv2DTranspose Conv3DTranspose", _conv_transpose),
    **_kinds("DepthwiseConv1D DepthwiseConv2D", _depthwise),
    **_kinds("SeparableConv1D SeparableConv2D", _separable),
    **_kinds("Dense", _dense),
    **_kinds("Activation", _activation),
    **_kinds("BatchNormalization", _batch_norm),
    **_kinds("Embedding", _embedding),
    **_kinds("Add Subtract Multiply Maximum Minimum", _merge(1)),
    **_kinds("Average", _merge(1, 1)),
    **_kinds("MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D", _pool),
    **_kinds("GlobalAveragePooling1D", _masked_average),
    **_kinds("GlobalAveragePooling2D GlobalAveragePooling3D", _global_average),
    **_kinds("GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D", _global_max),
    **_kinds("AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D", _adaptive_pool),
    **_kinds("AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D", _adaptive_pool),
    **_kinds("Softmax", _softmax),
    **_kinds("UpSampling2D", _upsampling),
    **_kinds("Resizing", _resizing),
    **_kinds("Rescaling", _rescaling),
    **_kinds("Normalization", _normalization),
    **_kinds("Masking", _masking),
    **_kinds("SimpleRNN LSTM GRU RNN", _recurrent),
    **_kinds("ConvLSTM1D ConvLSTM2D ConvLSTM3D", _recurrent_convolution),
    **_kinds("TimeDistributed", _time_distributed),
}
"""From the name of a layer to its counter."""
