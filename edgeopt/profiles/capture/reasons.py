"""Why a model was refused, in one line: the line of the user's code at which it happened, and torch's own word."""

from __future__ import annotations

import linecache
import re
import traceback
from pathlib import Path

_AT = re.compile(r"\(([^()\s]+\.py):(\d+) in (\w+)\)")


def reason(error: BaseException) -> str:
    """Return torch's first line with file, line and code where the user's model met it."""
    said = first_line(error).rstrip(".")[:300]
    if place := _named(str(error)) or _traced(error):
        path, number = place
        code = linecache.getline(path, number).strip()
        return f"{said} (at {Path(path).name}, line {number}: {code})"
    return said


def _named(text: str) -> tuple[str, int] | None:
    """Place that torch names itself, as in ``caused by: (model.py:12 in forward)``."""
    for path, number, _ in _AT.findall(text):
        if Path(path).exists() and _is_users(path):
            return path, int(number)
    return None


def _traced(error: BaseException) -> tuple[str, int] | None:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    return (frames[-1].filename, int(frames[-1].lineno or 0)) if frames else None


def _is_users(path: str) -> bool:
    import torch

    own = (str(Path(torch.__file__).parent), str(Path(__file__).parent), str(Path(traceback.__file__).parent))
    packages = "site-packages" in path or "dist-packages" in path
    return path.endswith(".py") and (packages or not path.startswith(own[2])) and not path.startswith(own[:2])


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
