"""Short texts that differ where what a kept result depends on differs."""

from __future__ import annotations

import hashlib
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def fingerprint(*parts: Any) -> str:
    """Return twelve characters that differ where the parts differ, in their order.

    Parameters
    ----------
    parts : bytes, array, record or other
        Arrays count with their shape and every entry, records (dataclasses) with every field, others as they print.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(_bytes(part))
        digest.update(b"\0")
    return digest.hexdigest()[:12]


def _bytes(part: Any) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, np.ndarray) and part.dtype != object:
        return repr((part.dtype.str, part.shape)).encode() + np.ascontiguousarray(part).tobytes()
    if is_dataclass(part) and not isinstance(part, type):
        values = [(one.name, _bytes(getattr(part, one.name))) for one in fields(part) if one.compare]
        return repr((type(part).__qualname__, values)).encode()
    return repr(part).encode()
