"""Whether two results are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

TOLERANCE = 1e-5
"""Largest difference, relative to the largest magnitude of a result: kernels may add in another order."""


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> str | None:
    """Return in words by how much two tensors differ, or None where they agree."""
    import torch

    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        shapes = tuple(ours.shape), tuple(theirs.shape)
        return f"its type, {ours.dtype} of shape {shapes[0]} for {theirs.dtype} of shape {shapes[1]}"
    if ours.is_quantized:
        ours, theirs = ours.dequantize(), theirs.dequantize()
    if ours.layout != torch.strided:
        ours, theirs = ours.to_dense(), theirs.to_dense()
    if torch.equal(ours, theirs):
        return None
    wide = torch.complex128 if ours.is_complex() else torch.float64
    a, b = ours.to(wide), theirs.to(wide)
    finite = b.abs()[b.isfinite()]
    scale = float(finite.max()) if finite.numel() else 0.0
    coarse = TOLERANCE if not ours.is_floating_point() else max(TOLERANCE, 8 * torch.finfo(ours.dtype).eps)
    if torch.allclose(a, b, rtol=0.0, atol=coarse * max(scale, 1e-30), equal_nan=True):
        return None
    return f"{float((a - b).abs().nan_to_num().max()):.3g} of {scale:.3g}"
