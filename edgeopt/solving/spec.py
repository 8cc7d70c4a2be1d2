"""Names with settings in brackets: ``genetic[population=50]``, ``offloading/generated[samples=500,ties=0.9]``."""

from __future__ import annotations

import json
import re
from typing import Any

from ..model.errors import InvalidOptionError


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """Return name and settings; values are read as JSON where they are JSON, else as text.

    Raises
    ------
    InvalidOptionError
        If the brackets do not close or hold something else than ``name=value``.

    Examples
    --------
    >>> parse("genetic[population=50,elite=2]")
    ('genetic', {'population': 50, 'elite': 2})
    """
    name, bracket, rest = text.strip().partition("[")
    if not bracket:
        return name, {}
    if not rest.endswith("]"):
        raise InvalidOptionError(f"{text!r} lacks its closing bracket; expected name[setting=value,setting=value]")
    settings: dict[str, Any] = {}
    for part in filter(None, rest[:-1].split(",")):
        match = re.fullmatch(r"\s*(\w+)\s*=\s*(.+?)\s*", part)
        if match is None:
            raise InvalidOptionError(f"{text!r}: {part!r} is no setting=value")
        settings[match[1]] = value(match[2])
    return name, settings


def value(text: str) -> Any:
    """Return a number, truth value or text for how it is written.

    >>> value("0.5"), value("True"), value("wifi-5")
    (0.5, True, 'wifi-5')
    """
    try:
        return json.loads(text.lower() if text in ("True", "False") else text)
    except ValueError:
        return text


def solver_names(text: str) -> list[str]:
    """Return the names that an option ``--solvers`` lists.

    Raises
    ------
    InvalidOptionError
        If it lists none.
    """
    if not (names := separate(text)):
        raise InvalidOptionError(f"--solvers is {text!r} and names no solver; expected names separated by commas")
    return names


def separate(text: str) -> list[str]:
    """Split a list at its commas, those within brackets apart.

    >>> separate("highs, genetic[population=50,elite=2]")
    ['highs', 'genetic[population=50,elite=2]']
    """
    return [part.strip() for part in re.split(r",(?![^\[]*\])", text) if part.strip()]
