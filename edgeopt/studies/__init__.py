"""Studies: one module for each paper, its tables and figures from the rooms below."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from ..model.errors import InvalidOptionError


def studies() -> list[str]:
    """Return the names of all studies: the modules of this room that reproduce a paper."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    return [name for name in names if hasattr(importlib.import_module(f"{__name__}.{name}"), "reproduce")]


def find(name: str) -> Any:
    """Return the study called `name`: a module with ``TITLE`` and ``reproduce(folder, quick, data)``.

    Raises
    ------
    InvalidOptionError
        Lists the studies there are.
    """
    known = studies()
    if name not in known:
        raise InvalidOptionError(f"no study is called {name!r}; there are: {', '.join(known)}")
    return importlib.import_module(f"{__name__}.{name}")
