"""Counters of the ops of `keras.ops` whose work depends on more than the number of elements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerassplit_widget.models.counting.algebra import ALGEBRA
from kerassplit_widget.models.counting.work import Count, Site, Unknown, Work, shape_of, size_of

__all__ = [
    "OPS",
    "adaptive_pool",
    "batch_norm",
    "convolution",
    "convolution_transpose",
    "depthwise",
    "einsum_work",
    "resize_work",
    "separable",
]


def _matmul(site: Site) -> Work:
    return Work(site.out * shape_of(site.argument("x1"))[-1])


def _dot(site: Site) -> Work:
    shapes = [shape_of(site.argument(name)) for name in ("x1", "x2")]
    return Work(other=site.out) if () in shapes else Work(site.out * shapes[0][-1])


def _vdot(site: Site) -> Work:
    return Work(size_of(site.argument("x1")))


def _tensordot(site: Site) -> Work:
    shape, axes = shape_of(site.argument("x1")), site.operation.axes
    if isinstance(axes, int):
        return Work(site.out * math.prod(shape[len(shape) - axes :]))
    first = axes[0] if isinstance(axes[0], Sequence) else [axes[0]]
    return Work(site.out * math.prod(shape[axis] for axis in first))


def _einsum(site: Site) -> Work:
    return einsum_work(site.operation.subscripts, [shape_of(operand) for operand in site.args])


def einsum_work(subscripts: str, shapes: Sequence[tuple[int, ...]]) -> Work:
    """Count an einsum, contracted two operands at a time in the order that NumPy's greedy search gives.

    Parameters
    ----------
    subscripts : str
        As for `numpy.einsum`; ``...`` is understood.
    shapes : sequence of tuple of int

    Returns
    -------
    Work
        Products that are summed are multiply-adds; a product that is not summed is a multiplication.

    Examples
    --------
    >>> einsum_work("ab,bc->ac", [(2, 3), (3, 4)])
    Work(macs=24, other=0)
    """
    operands, result = _spelled_out(subscripts.replace(" ", ""), shapes)
    sizes: dict[str, int] = {}
    for letters, shape in zip(operands, shapes, strict=True):
        for letter, dim in zip(letters, shape, strict=True):
            sizes[letter] = max(dim, sizes.get(letter, 1))

    def size(letters: set[str]) -> int:
        return math.prod(sizes[letter] for letter in letters)

    left = [set(letters) for letters in operands]
    if len(left) == 1:
        return Work(other=size(left[0]) - size(set(result)))
    path: list[Any] = [(0, 1)]
    if len(left) > 2:
        arrays = [np.broadcast_to(np.float32(0), shape) for shape in shapes]
        path = np.einsum_path(f"{','.join(operands)}->{result}", *arrays, optimize="greedy")[0][1:]
    work = Work()
    for step in path:
        taken = [left.pop(i) for i in sorted(step, reverse=True)]
        together = set().union(*taken)
        kept = together & set(result).union(*left)
        pairs = max(1, len(taken) - 1)
        work += Work(pairs * size(together)) if kept != together else Work(other=pairs * size(together))
        left.append(kept)
    return work


def _spelled_out(subscripts: str, shapes: Sequence[tuple[int, ...]]) -> tuple[list[str], str]:
    """Give the letters of each operand and of the result, with capital letters for what ``...`` stands for."""
    written, arrow, result = subscripts.partition("->")
    spare = [letter for letter in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if letter not in subscripts]
    operands, longest = [], 0
    for letters, shape in zip(written.split(","), shapes, strict=True):
        extra = len(shape) - len(letters.replace("...", ""))
        longest = max(longest, extra if "..." in letters else 0)
        operands.append(letters.replace("...", "".join(spare[:extra][::-1])))
    if not arrow:
        once = [letter for letter in sorted(set(written) - set(",.")) if written.count(letter) == 1]
        result = "..." * ("..." in written) + "".join(once)
    return operands, result.replace("...", "".join(spare[:longest][::-1]))


def convolution(out: int, kernel: tuple[int, ...]) -> Work:
    """Count a convolution of any rank, dilation, and grouping: padding counts as if it were data.

    Parameters
    ----------
    out : int
        Elements of the output.
    kernel : tuple of int
        Sides, channels of the input within a group, channels of the output.
    """
    return Work(out * math.prod(kernel[:-1]))


def convolution_transpose(fed: int, kernel: tuple[int, ...]) -> Work:
    """Count a transposed convolution: every element of the input meets every element of the kernel.

    Parameters
    ----------
    fed : int
        Elements of the input.
    kernel : tuple of int
        Sides, channels of the output, channels of the input.
    """
    return Work(fed * math.prod(kernel[:-1]))


def depthwise(out: int, kernel: tuple[int, ...]) -> Work:
    """Count a depthwise convolution; the kernel has its sides, input channels and multiplier."""
    return Work(out * math.prod(kernel[:-2]))


def separable(out: int, kernel: tuple[int, ...], pointwise: tuple[int, ...]) -> Work:
    """Count a depthwise convolution and the pointwise one after it."""
    between, filters = pointwise[-2:]
    positions = out // filters
    return depthwise(positions * between, kernel) + convolution(out, pointwise)


def _conv(site: Site) -> Work:
    return convolution(site.out, shape_of(site.argument("kernel")))


def _conv_transpose(site: Site) -> Work:
    return convolution_transpose(site.elements, shape_of(site.argument("kernel")))


def _depthwise_conv(site: Site) -> Work:
    return depthwise(site.out, shape_of(site.argument("kernel")))


def _separable_conv(site: Site) -> Work:
    kernels = [shape_of(site.argument(name)) for name in ("depthwise_kernel", "pointwise_kernel")]
    return separable(site.out, *kernels)


def _pool(site: Site) -> Work:
    window, fed = site.operation.pool_size, shape_of(site.argument("inputs"))
    return Work(other=site.out * (window ** (len(fed) - 2) if isinstance(window, int) else math.prod(window)))


def _adaptive_pool(site: Site) -> Work:
    fed, made = shape_of(site.argument("inputs")), shape_of(site.outputs[0])
    return adaptive_pool(fed, made, channels_last=site.operation.data_format != "channels_first")


def adaptive_pool(fed: tuple[int, ...], made: tuple[int, ...], *, channels_last: bool) -> Work:
    """Count an adaptive pooling as Keras does it: along one axis after another, with windows of two lengths.

    Parameters
    ----------
    fed, made : tuple of int
        Shapes of the input and the output.
    channels_last : bool
    """
    shape, work = list(fed), 0
    first = 1 if channels_last else 2
    for axis in range(first, first + len(fed) - 2):
        side = shape[axis]
        rest = math.prod(shape) // side
        small = math.ceil(side / made[axis])
        work += rest * sum(window * max(0, side - window + 1) for window in (small, small + 1))
        shape[axis] = made[axis]
    return Work(other=work)


def batch_norm(elements: int, channels: int, *, scale: bool) -> Work:
    """Count a normalisation with a mean and a variance that are known."""
    return Work(other=2 * elements + (6 if scale else 5) * channels)


def _batch_norm(site: Site) -> Work:
    return batch_norm(site.out, size_of(site.argument("mean")), scale=site.argument("scale") is not None)


def _layer_norm(site: Site) -> Work:
    elements, rows = site.elements, _rows(site)
    gamma, beta = (site.argument(name) is not None for name in ("gamma", "beta"))
    if getattr(site.operation, "rms_scaling", False):
        return Work(other=(3 + gamma) * elements + 3 * rows)
    return Work(other=(6 + 2 * gamma + beta) * elements + (5 - gamma) * rows)


def _rms_norm(site: Site) -> Work:
    return Work(other=(3 + (site.argument("scale") is not None)) * site.elements + 3 * _rows(site))


def _normalize(site: Site) -> Work:
    return Work(other=3 * site.elements + 2 * _rows(site))


def _relu(site: Site) -> Work:
    """Count what `keras.activations.relu` adds to a plain ReLU: a slope, a ceiling, a threshold."""
    relu = site.operation
    bent, shifted = bool(relu.negative_slope), relu.threshold != 0
    if bent and not shifted and relu.max_value is None:
        return Work()  # a leaky ReLU
    capped = relu.max_value is not None and (shifted or relu.max_value != 6)
    return Work(other=site.out * (bent * (3 + shifted) + shifted + 2 * capped))


def _rows(site: Site) -> int:
    """Count the groups of elements that are normalised together."""
    shape = shape_of(site.argument("x"))
    axes: int | Sequence[int] = site.operation.axis
    axes = [axes] if isinstance(axes, int) else axes
    return math.prod(shape) // max(1, math.prod(shape[axis] for axis in axes))


def _attention(site: Site) -> Work:
    query, key, value = (shape_of(site.argument(name)) for name in ("query", "key", "value"))
    *_, length, heads, size = query
    pairs = math.prod(query[:-3]) * heads * length * key[-3]
    capped = getattr(site.operation, "attn_logits_soft_cap", None) is not None  # newer than the oldest Keras
    extra = (site.argument("bias") is not None) + 2 * capped
    return Work(pairs * (size + value[-1]), (6 + extra) * pairs)


def _gelu(site: Site) -> Work:
    return Work(other=(7 if site.operation.approximate else 4) * site.out)


def _take(site: Site) -> Work:
    return Work(other=2 * size_of(site.argument("indices")))  # is it negative? then count from the end


def _average(site: Site) -> Work:
    if site.argument("weights") is None:
        return Work(other=site.elements)
    return Work(site.elements, size_of(site.argument("weights")) + site.out)


def _trace(site: Site) -> Work:
    shape = shape_of(site.argument("x"))
    return Work(other=site.out * min(shape[site.operation.axis1], shape[site.operation.axis2]))


def _correlate(site: Site) -> Work:
    return Work(site.out * min(size_of(site.argument(name)) for name in ("x1", "x2")))


def _corrcoef(site: Site) -> Work:
    return Work(site.elements * shape_of(site.outputs[0])[0], 2 * site.elements)


def _cdist(site: Site) -> Work:
    return Work(other=site.out * (3 * shape_of(site.fed[0])[-1] - 1))


def _sparse_crossentropy(site: Site) -> Work:
    return Work(other=3 * size_of(site.argument("output")))


def resize_work(fed: int, out: int, interpolation: str, axes: int = 2) -> Work:
    """Count a change of size: a weighted sum of the elements around, for each element made.

    Parameters
    ----------
    fed, out : int
        Elements of the input and the output.
    interpolation : str
        As in `keras.ops.image.resize`.
    axes : int
        How many are resized.

    Raises
    ------
    Unknown
        For an interpolation that is not known.
    """
    taps = {"nearest": 0, "bilinear": 2, "bicubic": 4, "lanczos3": 6, "lanczos5": 10}.get(interpolation)
    if interpolation == "area":
        return Work(other=max(fed, out))
    if taps is None:
        raise Unknown(f"the interpolation {interpolation!r} is not described")
    return Work(other=out * max(0, 2 * taps**axes - 1))


def _resize(site: Site) -> Work:
    return resize_work(site.elements, site.out, site.operation.interpolation)


def _gaussian_blur(site: Site) -> Work:
    return Work(site.out * math.prod(site.operation.kernel_size))


def _sobel(site: Site) -> Work:
    return Work(site.out * 9)


OPS: Mapping[str, Count] = {
    "Matmul": _matmul,
    "Dot": _dot,
    "Inner": _dot,
    "Vdot": _vdot,
    "Tensordot": _tensordot,
    "Einsum": _einsum,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "DepthwiseConv": _depthwise_conv,
    "SeparableConv": _separable_conv,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "AdaptiveMaxPool": _adaptive_pool,
    "AdaptiveAveragePool": _adaptive_pool,
    "BatchNorm": _batch_norm,
    "LayerNorm": _layer_norm,
    "RMSNorm": _rms_norm,
    "Normalize": _normalize,
    "ReLU": _relu,
    "DotProductAttention": _attention,
    "Gelu": _gelu,
    "Take": _take,
    "TakeAlongAxis": _take,
    "Average": _average,
    "Trace": _trace,
    "Correlate": _correlate,
    "Corrcoef": _corrcoef,
    "CDist": _cdist,
    "SparseCategoricalCrossentropy": _sparse_crossentropy,
    "Resize": _resize,
    "GaussianBlur": _gaussian_blur,
    "SobelEdges": _sobel,
    **ALGEBRA,
}
"""From the name of an op to its counter."""
