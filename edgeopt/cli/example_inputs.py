"""Example inputs as the command line writes them: ``1,3,224,224``, ``1,128:int64/30522``, ``mask=1,128:bool``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..model.errors import InvalidOptionError

if TYPE_CHECKING:
    import torch

_FORM = re.compile(r"(?:(?P<name>[A-Za-z_]\w*)=)?(?P<sizes>[\d,\s]+)?(?::(?P<dtype>\w+))?(?:/(?P<count>\d+))?")


def example_inputs(texts: list[str]) -> tuple[tuple[torch.Tensor, ...], dict[str, torch.Tensor]]:
    """Return the positional and the keyword inputs that some texts describe.

    Floats are random numbers, whole numbers are drawn below the count after the slash (zeros without one), truth values
    are true.

    Raises
    ------
    InvalidOptionError
        If a text is not of the form, the type is none of torch's, or a name occurs twice.
    """
    positional: list[torch.Tensor] = []
    keywords: dict[str, torch.Tensor] = {}
    for text in texts:
        name, value = _input(text)
        if name is None:
            positional.append(value)
        elif name in keywords:
            raise InvalidOptionError(f"--input gives {name} twice")
        else:
            keywords[name] = value
    return tuple(positional), keywords


def _input(text: str) -> tuple[str | None, torch.Tensor]:
    import torch

    found = _FORM.fullmatch(text.strip())
    sizes = [part.strip() for part in (found["sizes"] or "").split(",")] if found else []
    # A scalar has a type and no sizes: ``step=:int64``.
    scalar = found is not None and found["sizes"] is None and found["dtype"] is not None
    if found is None or not (scalar or all(size.isdecimal() and int(size) > 0 for size in sizes)):
        raise InvalidOptionError(
            f"--input is {text!r}; expected whole numbers above 0, as in 1,3,224,224, 1,9:int64/30522, mask=1,9:bool"
        )
    shape = () if scalar else tuple(map(int, sizes))
    dtype = getattr(torch, found["dtype"] or "float32", None)
    if not isinstance(dtype, torch.dtype):
        raise InvalidOptionError(f"--input is {text!r}; torch has no type {found['dtype']!r}: float16, int64, bool, …")
    try:
        return found["name"], _drawn(text, shape, dtype, found["count"])
    except RuntimeError as error:  # too large for the memory, or for torch's sizes
        raise InvalidOptionError(f"--input is {text!r}; torch cannot make a tensor of this size") from error


def _drawn(text: str, shape: tuple[int, ...], dtype: torch.dtype, count: str | None) -> torch.Tensor:
    import torch

    generator = torch.Generator().manual_seed(0)
    whole = not (dtype.is_floating_point or dtype.is_complex or dtype is torch.bool)
    if count is not None and (not whole or not 0 < int(count) <= torch.iinfo(dtype).max):
        raise InvalidOptionError(
            f"--input is {text!r}; a count above 0 that {dtype} holds belongs to whole numbers only"
        )
    if whole:
        return torch.randint(int(count or 1), shape, generator=generator).to(dtype)
    if dtype is torch.bool:
        return torch.ones(shape, dtype=dtype)
    return torch.randn(shape, generator=generator).to(dtype)
