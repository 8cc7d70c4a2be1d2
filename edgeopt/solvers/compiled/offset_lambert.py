"""The Lambert W function in offset form, y(a) = W0((a - 1) / e) + 1, to the last digits for every a >= 0.

The optimal rate of Labriji et al. (2023, eq. 19) needs y(a), not W0. Composed from W0 it loses all digits for small a,
where W0 is near its branch point -1: y is the small difference of two numbers near 1. Here y solves ``f(y) = (y - 1)
exp(y) + 1 = a`` directly: f is summed from its Taylor series where it would cancel, and taken in logarithms where the
exponential would overflow.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from .jit import njit

# f(y) = sum over n >= 2 of y**n (n - 1) / n!; these are the coefficients of f(y) / y**2, highest first.
_COEFFICIENTS = np.array([(m + 1) / math.factorial(m + 2) for m in range(18, -1, -1)])


@njit(types.float64(types.float64), nogil=True, error_model="numpy")
def _quotient(y):
    """Return f(y) / y**2 by its Taylor series, for 0 <= y <= 1."""
    total = 0.0
    for coefficient in _COEFFICIENTS:
        total = total * y + coefficient
    return total


@njit(types.float64(types.float64), nogil=True, error_model="numpy")
def offset_lambert(a):  # noqa: C901
    """Return y(a) for a >= 0; nan for what is no such number."""
    if not a >= 0.0:
        return math.nan
    if a == 0.0 or a == math.inf:
        return a
    if a < 1.0:
        p = math.sqrt(2.0 * a)
        y = p * (1.0 - p * (1.0 / 3.0 - p * (11.0 / 72.0 - p * (43.0 / 540.0))))
        for _ in range(4):
            # Newton on the logarithm of f(y) = a: its steps are relative, so tiny y keep their digits.
            quotient = _quotient(y)
            ratio = a / (y * y * quotient)
            slope = math.exp(y) / quotient  # y f'(y) / f(y)
            step = math.log(ratio) / slope
            y *= 1.0 + step
            if abs(step) < 1e-9:  # the next step would be its square
                break
        return y
    big = math.log(a - 1.0) if a > 2.0 else 0.0
    if a > 3.0:
        y = 1.0 + big - math.log(max(big, 0.7)) if big > 1.0 else 1.0 + 0.6 * big
        for _ in range(6):
            gap = y + math.log(y - 1.0) - big
            step = gap / (1.0 + 1.0 / (y - 1.0))
            y -= step
            if abs(step) <= 1e-9 * y:
                break
        return y
    y = 1.0 + (a - 1.0) / math.e * (1.0 - 0.25 * (a - 1.0) / math.e)
    for _ in range(6):
        gap = (y - 1.0) * math.exp(y) - (a - 1.0)
        step = gap / (y * math.exp(y))
        y -= step
        if abs(step) <= 1e-9 * y:
            break
    return y


_E, _E_REST = math.e, 1.4456468917292502e-16
"""e in two parts: what float64 leaves of it is the second."""

_SPLIT = 134217729.0  # 2**27 + 1


@njit(types.UniTuple(types.float64, 2)(types.float64), nogil=True)
def _halves(value):
    """Return the upper and lower half of the digits (Veltkamp)."""
    large = _SPLIT * value
    upper = large - (large - value)
    return upper, value - upper


@njit(types.float64(types.float64), nogil=True, error_model="numpy")
def lambert_w0(z):
    """Return W0(z), the principal branch, for z >= -1/e; nan below it.

    The distance from the branch point, ``a = e z + 1``, is summed with twice the digits, so that W0 keeps what float64
    can say of it there. The float64 next to -1/e lies just below it, and counts as -1/e.
    """
    if z >= -0.25:
        if z > 1e300 or abs(z) < 1e-5:  # beyond what a can hold, and where w has more digits than y
            w = math.log(z) - math.log(math.log(z)) if z > 1.0 else z * (1.0 - z)
        else:
            w = offset_lambert(math.e * z + 1.0) - 1.0
        for _ in range(3 if z > 1e300 else 1):
            # Newton's method, on logarithms where the exponential would overflow.
            step = (w + math.log(w) - math.log(z)) * w / (1.0 + w) if z > 1.0 else (w - z * math.exp(-w)) / (1.0 + w)
            w -= step
        return w if z < math.inf else z
    product = _E * z
    left, right = _halves(_E)
    upper, lower = _halves(z)
    rest = ((left * upper - product) + left * lower + right * upper) + right * lower
    a = (product + 1.0) + (rest + _E_REST * z)
    return offset_lambert(max(a, 0.0)) - 1.0 if a > -1e-16 else math.nan


@njit(types.void(types.Array(types.float64, 1, "C", readonly=True), types.float64[::1]), nogil=True)
def fill(values, results):
    """Fill `results` with y of `values`."""
    for i in range(values.size):
        results[i] = offset_lambert(values[i])
