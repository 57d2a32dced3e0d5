"""The ops of `keras.ops` whose work is so many operations for each element, and those whose work is not known.

An addition, subtraction, multiplication, division, power, minimum, maximum, comparison, logarithm, negation or
reciprocal is one operation, a reciprocal square root two, and an element of a softmax five. Any other function of one
number, logic, casts, moves and the comparisons of sorting and searching are not counted. That is what TensorFlow's
profiler does (``tensorflow/python/profiler/internal/flops_registry.py``), of what Keras runs on TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["RULES", "UNKNOWN_OPS"]

_NAMES: Mapping[tuple[int, int], str] = {
    # From (a, b), a operations for each element of the first tensor that is fed and b for each that is made, to ops.
    (0, 0): """
        Cast ConvertToTensor Scatter ScatterUpdate Slice SliceUpdate StopGradient Unstack Rearrange
        CropImages ExtractPatches PadImages
        Append Arange Array ArraySplit BroadcastTo Concatenate Copy Diag Diagflat Diagonal Dsplit Dstack EmptyLike
        ExpandDims Flip Fliplr Flipud Full FullLike Geomspace GetItem Hsplit Hstack Linspace Logspace Meshgrid Moveaxis
        Ndim OnesLike Pad Ravel Repeat Reshape Roll Rot90 Select Size Split Squeeze Stack Swapaxes Tile Transpose
        Tril Triu UnravelIndex View Vsplit Vstack Where ZerosLike
        DepthToSpace SpaceToDepth Unfold MultiHot OneHot ExtractSequences ViewAsComplex ViewAsReal
        Bartlett Blackman Empty Eye Hamming Identity Ones Tri Zeros
        Abs Absolute Arccos Arccosh Arcsin Arcsinh Arctan Arctan2 Arctanh Ceil Conj Conjugate Cos Cosh Erf Erfc Erfinv
        Exp Expm1 Fabs Floor I0 Imag Log1p Nextafter Real Round Sign Sin Sinh Sqrt Tan Tanh
        Elu LeakyRelu Relu Relu6 Selu Sigmoid Softplus Softsign
        FloorDivide Mod DivideNoNan
        All Any BitwiseAnd BitwiseInvert BitwiseLeftShift BitwiseNot BitwiseOr BitwiseRightShift BitwiseXor Isfinite
        Isinf Isnan Isreal LeftShift LogicalAnd LogicalNot LogicalOr LogicalXor RightShift
        Argpartition Argsort Bincount Digitize Histogram InTopK IsIn Median Nanmedian Nanpercentile Nanquantile
        Nonzero Percentile Quantile SearchSorted Sort TopK Unique
    """,
    (0, 1): """
        Add Subtract Multiply Divide TrueDivide Power Maximum Minimum Fmax Fmin Fmod
        Equal NotEqual Greater GreaterEqual Less LessEqual Isneginf Isposinf Signbit Trunc
        Deg2rad Diff Exp2 Kron Log Negative Outer Rad2deg Reciprocal Square Vander
        Glu HardShrink Mish TanhShrink Threshold
    """,
    (0, 2): """
        Angle Cbrt Clip Heaviside Log10 Log2 NanToNum Rsqrt SaturateCast
        HardSigmoid HardTanh LogSigmoid Polar Silu
    """,
    (0, 3): "Cross HardSilu Ldexp Sinc",
    (0, 4): "Isclose SoftShrink SparseSigmoid Squareplus",
    (0, 5): "Celu Hypot Logaddexp LogSoftmax Softmax SparsePlus RGBToGrayscale",
    (0, 7): "Logaddexp2",
    (0, 8): "Sparsemax",
    (0, 10): "BinaryCrossentropy",
    (1, 0): "Cumprod Cumsum Fold Mean SegmentMax SegmentMin SegmentProd SegmentReduction SegmentSum",
    (1, -1): "Amax Amin Max Min Nanmax Nanmin Nanprod Nansum Prod Sum",
    (2, -1): "CountNonzero Nanmean Norm Ptp",
    (2, 1): "Logsumexp",
    (3, -1): "Argmax Argmin Nanargmax Nanargmin",
    (3, 0): "Nancumprod Nancumsum PSNR",
    (4, -5): "Trapezoid",
    (4, 0): "Std Var Moments",
    (5, 0): "AllClose",
    (6, 0): "Nanstd Nanvar",
    (7, -1): "CategoricalCrossentropy",
}

RULES: Mapping[str, tuple[int, int]] = {name: rule for rule, names in _NAMES.items() for name in names.split()}
"""From the name of an op to its operations for each element fed and for each made."""

UNKNOWN_OPS: Mapping[str, str] = {
    name: reason
    for reason, names in {
        "it runs a function as often as values say": "AssociativeScan Cond ForiLoop Map Scan Switch VectorizedMap "
        "WhileLoop JVP",
        "it iterates until it converges": "Eig Eigh Gcd Lcm Lstsq MatrixRank Pinv SVD",
        "its work depends on the values": "CTCDecode CTCLoss",
        "it is not described": "AffineTransform ElasticTransform FakeQuantWithMinMaxVars HSVToRGB MapCoordinates "
        "PerspectiveTransform RGBToHSV SSIM ScaleAndTranslate",
    }.items()
    for name in names.split()
}
"""From the name of an op whose work is unknown to why."""
