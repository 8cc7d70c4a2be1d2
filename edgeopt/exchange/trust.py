"""Classes that a file names and that are not edgeopt's: their module is imported only where the user allows it."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
from collections.abc import Iterable
from typing import Any

from ..model.errors import DataFormatError

VARIABLE = "EDGEOPT_TRUST"
"""Environment variable with modules, separated by commas, that may be imported: processes hand it to their children."""


def own_module(kind: type) -> str | None:
    """Return the module of a class that is not edgeopt's own, as files name it."""
    package = __name__.partition(".")[0]
    return None if kind.__module__.partition(".")[0] == package else kind.__module__


def chosen(candidates: list[type[Any]], module: str | None) -> type[Any] | None:
    """Return the class among those of one name that a file means; None where it is not imported yet."""
    if module is None:
        return next((kind for kind in reversed(candidates) if own_module(kind) is None), None)
    same = [kind for kind in candidates if kind.__module__ == module]
    if not same and module == "__main__":  # a script of another process has no name that could be imported
        same = [kind for kind in candidates if own_module(kind) is not None]
    return same[-1] if same else None


def import_trusted(kind: str, module: str, trust: Iterable[str], file: object) -> None:
    """Import the module of a class, if the user trusts it or an installed package brings it.

    Raises
    ------
    DataFormatError
        If it is not trusted, or cannot be imported.
    """
    listed = {name.strip() for name in os.environ.get(VARIABLE, "").split(",")} - {""}
    brought = {point.module for point in importlib.metadata.entry_points(group="edgeopt.formulations")}
    if module not in {*trust, *listed, *brought}:
        raise DataFormatError(
            f"{file} holds a {kind!r} of the module {module!r}, whose code would run; if you trust it: "
            f"load(path, trust=[{module!r}]), or on the command line --trust {module}"
        )
    try:
        importlib.import_module(module)
    except Exception as error:  # whatever a foreign module raises
        raise DataFormatError(f"{file}: the module {module!r} cannot be imported: {error}") from error
