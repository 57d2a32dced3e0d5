"""Counters of linear algebra by direct methods, and of Fourier transforms."""

from __future__ import annotations

import math
from collections.abc import Mapping

from kerassplit_widget.models.counting.work import Count, Site, Work, shape_of, size_of

__all__ = ["ALGEBRA"]


def _matrix(cubes: float, squares: float = 0.0) -> Count:
    """Make the counter of a direct method on n x n matrices, from its multiply-adds as multiples of n^3 and n^2 k."""

    def count(site: Site) -> Work:
        shapes = [shape_of(each) for each in site.args if hasattr(each, "shape")]
        *batch, _, n = shapes[0]
        columns = size_of(site.outputs[0]) // max(1, n * math.prod(batch)) if squares else 0
        return Work(math.prod(batch) * round(cubes * n**3 + squares * n**2 * columns))

    return count


def _qr(site: Site) -> Work:
    *batch, m, n = shape_of(site.fed[0])
    short = min(m, n)
    return Work(math.prod(batch) * round(2 * (m * n * short - short**3 / 3)))


def _fourier(axes: int, each: float) -> Count:
    """Make the counter of Fourier transforms: 5 N log2 N operations, or half as many on real numbers."""

    def count(site: Site) -> Work:
        tensor = max((*site.fed, *site.outputs), key=size_of)
        n = math.prod(shape_of(tensor)[-axes:])
        return Work(other=round(each * size_of(tensor) * math.log2(max(n, 2))))

    return count


def _short_fourier(site: Site) -> Work:
    n = site.operation.fft_length
    frames = max((*site.fed, *site.outputs), key=lambda each: len(shape_of(each)))
    count = math.prod(shape_of(frames)[:-1])
    return Work(other=round(count * (2.5 * n * math.log2(n) + n)))


ALGEBRA: Mapping[str, Count] = {
    # Golub and Van Loan, Matrix Computations, and LAPACK Working Note 41, which count flops; here half of them.
    "Cholesky": _matrix(1 / 6),
    "CholeskyInverse": _matrix(1 / 3),
    "Det": _matrix(1 / 3),
    "Slogdet": _matrix(1 / 3),
    "Logdet": _matrix(1 / 3),
    "LuFactor": _matrix(1 / 3),
    "Inv": _matrix(1),
    "Solve": _matrix(1 / 3, 1),
    "SolveTriangular": _matrix(0, 1 / 2),
    "Qr": _qr,
    # Cooley and Tukey's count, which benchFFT uses too.
    "FFT": _fourier(1, 5),
    "FFT2": _fourier(2, 5),
    "IFFT2": _fourier(2, 5),
    "RFFT": _fourier(1, 2.5),
    "IRFFT": _fourier(1, 2.5),
    "STFT": _short_fourier,
    "ISTFT": _short_fourier,
}
"""From the name of an op to its counter."""
