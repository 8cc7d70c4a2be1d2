"""Names that every reader takes: what the formats allow on paper and what readers take for a name are two things.

The rules were found by giving names to HiGHS, SCIP, GLPK and CBC one by one: HiGHS takes ``infx`` for infinity, CBC
stops at 101 letters, brackets belong to quadratic terms in LP, and a column called RHS ends a section of MPS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

LONGEST = 100
"""Letters that a name may have (CBC's limit in LP files)."""

_LP_NAME = re.compile(r"(?!inf|nan)(?!e(?:[\d.e]|$))[a-z_][\w.!\"#$%&(),;?@'`{}~]*", re.IGNORECASE | re.ASCII)
_LP_KEYWORD = re.compile(
    r"free|end|st|s\.t\.|st\.|bounds?|generals?|gens?|integers?|ints?|binary|binaries|bins?|semis?|sec|sos[12]?|range|ranges"
    r"|min|max|minimum|maximum|minimi[sz]e|maximi[sz]e|subject|such|lazy|user|pwlobj|default",
    re.IGNORECASE,
)
# Words that begin a section of an LP file or mean something in it.

_MPS_NAME = re.compile(r"[!-#%-)+-~][!-~]*")  # visible ASCII that begins with neither $ nor *
_MPS_KEYWORDS = frozenset(
    {
        "NAME",
        "OBJSENSE",
        "OBJSENS",
        "OBJNAME",
        "ROWS",
        "COLUMNS",
        "RHS",
        "RANGES",
        "RANGE",
        "BOUND",
        "BOUNDS",
        "ENDATA",
        "MAX",
        "MIN",
        "MARKER",
        "'MARKER'",
        "QUADOBJ",
        "QSECTION",
        "QMATRIX",
        "QCMATRIX",
        "CSECTION",
        "SOS",
        "SOS1",
        "SOS2",
        "SETS",
        "INDICATORS",
        "GENCONS",
        "PWLOBJ",
        "LAZYCONS",
        "USERCUTS",
        "MODELCUTS",
        "DELAYEDROWS",
    }
)
"""Readers that do not look at the indentation take these for sections, wherever a line begins with them."""

_ORDINARY = re.compile(r"[^\w.]+", re.ASCII)


def plain_in_lp(name: str) -> bool:
    """Whether every reader of LP files takes `name` for a name."""
    if len(name) > LONGEST or name.count("(") != name.count(")"):
        return False
    return bool(_LP_NAME.fullmatch(name)) and not _LP_KEYWORD.fullmatch(name)


def plain_in_mps(name: str) -> bool:
    """Whether every reader of free MPS files takes `name` for a name."""
    return len(name) <= LONGEST and bool(_MPS_NAME.fullmatch(name)) and name.upper() not in _MPS_KEYWORDS


def plain_title(name: str) -> bool:
    """Whether every reader of free MPS files takes `name` for the program's (CBC searches it for the word FREE)."""
    return 0 < len(name) <= LONGEST and name.isascii() and name.isprintable() and "FREE" not in name.upper()


def plain_names(names: Iterable[str], plain: Callable[[str], bool], stem: str) -> list[str]:
    """Return a name for each of `names` that satisfies `plain`, all different; names that do so already stay.

    Parameters
    ----------
    names : iterable of str
        Names of the columns, or of the rows; all different.
    plain : callable
        Whether a name can stay as it is.
    stem : str
        What a new name begins with where the old one gives nothing to begin with.
    """
    names = list(names)
    taken = {name for name in names if plain(name)}
    next_number: dict[str, int] = {}
    return [name if name in taken and plain(name) else _new(name, plain, stem, taken, next_number) for name in names]


def _new(name: str, plain: Callable[[str], bool], stem: str, taken: set[str], next_number: dict[str, int]) -> str:
    base = _ORDINARY.sub("_", name).strip("_")[: LONGEST - 20]
    if not base or not base[0].isalpha() or not plain(base):
        base = f"{stem}_{base}" if base else stem
    found, number = base, next_number.get(base, 2)
    while found in taken:
        found, number = f"{base}_{number}", number + 1
    next_number[base] = number
    taken.add(found)
    return found


def unused(stem: str, names: Sequence[str]) -> str:
    """Return `stem`, with underscores behind it until it is none of `names`."""
    taken = set(names)
    while stem in taken:
        stem += "_"
    return stem
