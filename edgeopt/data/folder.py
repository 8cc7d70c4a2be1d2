"""Where the data sets lie."""

from __future__ import annotations

import os
from pathlib import Path

from ..model.errors import InvalidOptionError


def data_folder(given: Path | None = None) -> Path | None:
    """Return the folder of the data sets: `given`, else ``EDGEOPT_DATA``, else ``../shared/data``; None if absent.

    Raises
    ------
    InvalidOptionError
        If `given` does not exist.
    """
    folder = given or Path(os.environ.get("EDGEOPT_DATA", "../shared/data"))
    if given is not None and not folder.is_dir():
        raise InvalidOptionError(f"the data folder {folder} does not exist")
    return folder if folder.is_dir() else None
