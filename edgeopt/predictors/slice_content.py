"""What an allocator's file must hold beside the weights of its networks: arrays of the right shape, of finite numbers.

A fingerprint tells damage, not intent: whoever writes a file can compute it. Arrays of another model would give other
answers without a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .exit_odds import ExitOdds
    from .slice_view import SliceView


def check_content(view: SliceView, odds: ExitOdds, margin: Any) -> None:
    """Make sure that scale, box, odds and margins are those of as many slices as the table's form names.

    Raises
    ------
    ValueError
        If one is not: names it.
    """
    names, slot = view.form.slices, view.form.slot
    if not names or len(set(names)) < len(names) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"slices is {names}; expected names, each once")
    if not isinstance(slot, float) or not 0 < slot < np.inf:
        raise ValueError(f"slot is {slot!r}; expected seconds above 0")
    series = (len(names),)
    for name, values, shape in (
        ("lowest", view.scale.lowest, series),
        ("span", view.scale.span, series),
        ("margin", margin, series),
        ("quantiles", odds.quantiles, None),
        ("local", odds.local, (2,)),
        ("remote", odds.remote, (2,)),
    ):
        _check_numbers(name, values, shape)
    if not (view.scale.span > 0).all():
        raise ValueError(f"span is {view.scale.span.min():g}; expected numbers above 0")
    if not len(odds.quantiles):
        raise ValueError("quantiles has no number")
    if not np.array_equal(np.sort(np.asarray(view.box.order)), np.arange(len(names))):
        raise ValueError(f"order is {view.box.order}; expected each of {len(names)} slices once")


def _check_numbers(name: str, values: Any, shape: tuple[int, ...] | None) -> None:
    right = isinstance(values, np.ndarray) and values.dtype.kind == "f" and values.ndim == 1
    if not right or (shape is not None and values.shape != shape):
        wanted = "one row of numbers" if shape is None else f"{shape[0]} numbers"
        raise ValueError(f"{name} has shape {np.shape(values)}; expected {wanted}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} is not finite")
