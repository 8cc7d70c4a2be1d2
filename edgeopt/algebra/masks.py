"""Masks: which entries of a variable, or rows of a constraint, there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidProblemError
from . import axes as named
from .named_array import NamedArray, named_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .axes import Axes


def aligned_mask(mask: Any, axes: Axes, what: str) -> NDArray[np.bool_]:
    """Return a mask over `axes`: a Mask field aligned by name, which it keeps, or a plain array of exactly this shape.

    Raises
    ------
    InvalidProblemError
        If it is not boolean, depends on float fields, or does not fit.
    """
    if not isinstance(mask, np.ndarray) and (hasattr(mask, "left") or hasattr(mask, "owner")):
        raise InvalidProblemError(
            f"{what}= depends on float fields, whose values are not known yet; compare plain numbers: "
            "m.constant(self.field) <= limit"
        )
    found = np.asarray(mask)
    if found.dtype != bool:
        raise InvalidProblemError(f"{what}= holds {found.dtype} values; expected booleans")
    given = mask.axes if isinstance(mask, NamedArray) else None
    if given is not None:
        if not set(given) <= set(axes):
            raise InvalidProblemError(
                f"{what}= is over {named.shown(given)}; expected dimensions of {named.shown(axes)}"
            )
        order = [place for axis in axes for place, own in enumerate(given) if own == axis]
        kept = [axis.size if axis in given else 1 for axis in axes]
        found = np.broadcast_to(found.transpose(order).reshape(kept), named.shape(axes))
    if found.shape != named.shape(axes):
        raise InvalidProblemError(f"{what}= has shape {found.shape}; expected {named.shown(axes)}")
    name = mask.name if isinstance(mask, NamedArray) else ""
    return named_array(np.ascontiguousarray(found), axes, name)
