"""Real traffic files, generators that look like them, and checksummed downloads."""

from __future__ import annotations

import sys
import types
from typing import Any


class _RoomAndFunction(types.ModuleType):
    """The room is also what ``eo.data("models")`` calls: importing a reader binds the name to the module."""

    def __call__(self, *dimensions: str, **options: Any) -> Any:
        """Declare a field with named dimensions: see :func:`edgeopt.algebra.fields.data`."""
        from ..algebra.fields import data

        return data(*dimensions, **options)


sys.modules[__name__].__class__ = _RoomAndFunction
