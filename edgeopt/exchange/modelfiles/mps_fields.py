"""The fields of a line of MPS: separated by blanks in free format, at fixed columns in the old one.

Almost all files of both kinds are read as free format. Names with spaces are possible in the old one only, so its
columns are looked at only where free format makes no sense, and only believed where every line keeps to them.
"""

from __future__ import annotations

import math

from .spelling import decimal_number, in_file

_FIELDS = (slice(1, 3), slice(4, 12), slice(14, 22), slice(24, 36), slice(39, 47), slice(49, 61))
_BLANK = (slice(0, 1), slice(3, 4), slice(12, 14), slice(22, 24), slice(36, 39), slice(47, 49), slice(61, None))


def free_fields(raw: str) -> list[str]:
    """Return the fields of a line, without a comment behind them (``$``, or ``*`` where no name can stand)."""
    tokens = raw.split()
    if "$" not in raw and "*" not in raw:
        return tokens
    for i, token in enumerate(tokens[1:], 1):
        named = i + 1 < len(tokens) and not math.isnan(decimal_number(tokens[i + 1]))
        if token[0] == "$" or (token[0] == "*" and i >= 2 and not named):
            return tokens[:i]
    return tokens


class FixedFields:
    """Fields at their columns: 2-3, 5-12, 15-22, 25-36, 40-47 and 50-61.

    Attributes
    ----------
    spaced : bool
        Whether a name with a space in it has been met.
    """

    def __init__(self, place: str) -> None:
        self.spaced = False
        self._place = place

    def __call__(self, raw: str, line: int) -> list[str]:
        """Return the fields of a data line that are not blank.

        Raises
        ------
        DataFormatError
            If anything stands between the fields.
        """
        raw = raw.rstrip()
        if "\t" in raw or any(raw[part].strip() for part in _BLANK):
            raise in_file(self._place, line, f"{raw.strip()[:40]!r}", "expected fields at the columns of fixed format")
        fields = [raw[part].strip() for part in _FIELDS]
        self.spaced |= any(" " in name for name in (fields[1], fields[2], fields[4]))
        return [text for text in fields if text]
