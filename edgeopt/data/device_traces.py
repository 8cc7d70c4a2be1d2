"""Measured links and hosts for the slots of `edgeopt.control.Environment`: rates of cellular links, loads of machines.

Mahimahi (Netravali et al., USENIX ATC 2015) replays a link from its packet opportunities: one line for each packet of
1500 bytes that the link could have carried, holding the millisecond since the start of the trace. PlanetLab's CoMon
files (Beloglazov and Buyya, Concurrency and Computation 24(13), 2012) hold the processor load of a virtual machine in
percent, one line for every five minutes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..model.errors import DataFormatError, InvalidOptionError
from .matrix_text import read_lines

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_PACKET_BITS = 1500 * 8
_MOST_SLOTS = 10**8
"""Slots that a trace may have: four months of 0.1 s; more is a damaged last line."""


def read_packet_opportunities(path: str | Path, slot: float = 0.1) -> pd.Series[float]:
    r"""Read the rates of a link from mahimahi's packet opportunities (``edgeopt data fetch mahimahi``).

    Parameters
    ----------
    path : path
        Trace, plain or gzipped: whole milliseconds, ascending, one line a packet.
    slot : float
        Seconds over which a rate is taken, a whole number of milliseconds.

    Returns
    -------
    Series
        (n,) bit/s by the time elapsed since the start of the trace, one for each whole slot: what
        ``Environment(rate_limits=…)`` takes. A slot without a packet has the rate 0; what follows the last whole slot
        is left out.

    Raises
    ------
    DataFormatError
        If the file is missing or damaged, a line is no millisecond or earlier than the one before, or the trace is
        shorter than a slot.
    InvalidOptionError
        If `slot` is no whole number of milliseconds.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "up").write_text("0\n0\n150\n300\n")
    ...     read_packet_opportunities(Path(folder) / "up", slot=0.1).tolist()
    [240000.0, 120000.0, 0.0]
    """
    import pandas as pd

    path, step = Path(path), round(slot * 1000) if np.isfinite(slot) else 0
    if step < 1 or abs(step - slot * 1000) > 1e-9 * step:
        raise InvalidOptionError(f"slot is {slot!r} seconds; expected a whole number of milliseconds, at least one")
    times = _whole(path, "milliseconds since the start")
    if (np.diff(times) < 0).any():
        line = int((np.diff(times) < 0).argmax()) + 2
        raise DataFormatError(
            f"{path}, line {line}: {times[line - 1]} after {times[line - 2]}; expected ascending milliseconds"
        )
    # The last millisecond is part of the trace: it is where mahimahi begins anew.
    slots = (int(times[-1]) + 1) // step
    if not slots:
        raise DataFormatError(f"{path}: it ends after {times[-1]} ms; a slot has {step} ms, choose a shorter one")
    if slots > _MOST_SLOTS:
        raise DataFormatError(f"{path}, line {len(times)}: {times[-1]} ms would be {slots} slots; is the line damaged?")
    packets = np.bincount(times[times < slots * step] // step, minlength=slots)
    index = pd.timedelta_range(0, periods=slots, freq=pd.Timedelta(step, unit="ms"), name="elapsed")
    return pd.Series(packets * (_PACKET_BITS / step * 1000), index=index, name="bit/s")


def read_free_shares(path: str | Path) -> pd.Series[float]:
    """Read how much of a machine is free from a file of PlanetLab loads.

    Parameters
    ----------
    path : path
        Loads, plain or gzipped: whole percent, one line for every five minutes.

    Returns
    -------
    Series
        (n,) free shares, 0 to 1, by the time elapsed: what ``Environment(availabilities=…)`` takes once each is
        repeated for the slots of its five minutes.

    Raises
    ------
    DataFormatError
        If the file is missing or damaged, or a line is no percentage.
    """
    import pandas as pd

    path = Path(path)
    loads = _whole(path, "percent, 0 to 100")
    if (loads > 100).any():
        line = int((loads > 100).argmax())
        raise DataFormatError(f"{path}, line {line + 1}: {loads[line]}; expected percent, 0 to 100")
    index = pd.timedelta_range(0, periods=len(loads), freq="5min", name="elapsed")
    return pd.Series((100 - loads) / 100.0, index=index, name="free")


def _whole(path: Path, expected: str) -> NDArray[np.int64]:
    """Return the whole numbers of a file, one a line."""
    lines = read_lines(path)
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise DataFormatError(f"{path}, line {number}: {text[:40]!r}; expected {expected}, a whole number a line")
    if not lines:
        raise DataFormatError(f"{path}: empty; expected {expected}, a whole number a line")
    return np.array([int(line) for line in lines], dtype=np.int64)
