r"""Synthetic mobile traffic that behaves like Milano's, for when no data is at hand.

The logarithm of a cell's traffic is a sum of

* a level per cell, log-normal over cells;
* a day shape, one for working days and one for free days, of four harmonics each; cells differ from the mean shape
  along two directions (offices that empty at weekends, squares that wake late), smoothly over the map;
* noise with three memories: an hour, a day, and none; part of it common to the whole city, the rest shared by
  neighbours;
* bursts (a cell jumps up or down for some minutes) and rare surges (a neighbourhood fills for an hour or two).

The constants below were fitted to the 25 squares of November 2013 by averages and least squares alone:
``tests/data/fit_synthetic.py`` prints them again, and a test holds them to it and the generator to the data (daily
profile, weekend ratio, autocorrelation, correlation between cells, coefficient of variation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..model.errors import InvalidOptionError
from .milano_sets import SLOT
from .telecom_italia import SQUARES, TIME_ZONE

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

SLOTS_PER_DAY = 144
HARMONICS = 4

LEVEL = (5.201, 0.486)
"""Mean and standard deviation, over cells, of the logarithm of the mean activity."""

SHAPES = np.column_stack(
    [
        [-0.087, 0.120, -0.016],  # a free day's level
        [  # harmonics of a working day: cosine, sine of one period a day, of two, of three, of four
            [-0.150, -0.331, 0.076, -0.185, 0.066, 0.028, -0.027, 0.022],
            [0.172, 0.081, -0.014, -0.015, 0.005, -0.029, -0.004, 0.018],
            [0.005, -0.003, -0.036, 0.013, 0.026, -0.015, -0.007, 0.005],
        ],
        [  # and of a free day
            [-0.102, -0.361, 0.129, -0.097, 0.003, 0.025, -0.006, -0.030],
            [0.008, -0.003, -0.003, -0.002, -0.001, -0.002, -0.003, 0.008],
            [0.040, 0.033, -0.012, 0.010, 0.010, -0.028, -0.007, 0.011],
        ],
    ]
)
"""Coefficients on `day_shapes`: the mean over cells, then one standard deviation along the two main directions."""

SPREAD = (-1.722, 0.370)
"""Mean and standard deviation, over cells, of the logarithm of the noise's standard deviation."""

MEMORY = ((0.329, 6.24), (0.368, 157.8))
"""Share of the noise's variance and time constant in slots, of the fast and the slow part; the rest is white."""

CITY_SHARE, REACH = 0.102, 1.263
"""Correlation of the noise at a distance d in squares: share + (1 - share) exp(-(d / reach)^2)."""

MAP_REACH = 2.5
"""The same reach for levels and day shapes; chosen, since 25 squares are too few to fit it."""


class Events(NamedTuple):
    """How often events come and how large they are.

    Attributes
    ----------
    rate : float
        Per cell and day.
    slots : float
        Mean duration, geometric beyond `shortest`.
    shortest : int
        Least duration in slots.
    height, deviation : float
        Mean and standard deviation of the logarithm of the peak, which itself is in logarithms of the traffic.
    rising : float
        Share of the events that raise the traffic; the others lower it.
    """

    rate: float
    slots: float
    shortest: int
    height: float
    deviation: float
    rising: float


BURSTS = Events(rate=0.768, slots=1.491, shortest=1, height=-0.165, deviation=0.276, rising=0.762)
SURGES = Events(rate=0.012, slots=9.667, shortest=7, height=0.431, deviation=0.496, rising=1.0)


def traffic(
    cells: int = 25,
    days: int = 30,
    seed: int = 0,
    *,
    start: str = "2013-11-04",
    bursts: float = 1.0,
    surges: float = 1.0,
) -> pd.DataFrame:
    """Generate traffic like Milano's.

    Parameters
    ----------
    cells : int
        Number of squares, 1 to 10000; they fill a square block of the map row by row.
    days : int
        Days of 144 slots of 10 minutes each, >= 1.
    seed : int
        The same seed gives the same traffic.
    start : str
        First day, local midnight; its day of the week says where the weekends fall (no other day is free).
    bursts, surges : float
        Factors on the fitted rates of bursts and surges, >= 0.

    Returns
    -------
    DataFrame, time x cell
        Positive activity without a unit, as the readers of :mod:`edgeopt.data.milano` return it, without gaps.

    Raises
    ------
    InvalidOptionError
        If an argument is out of range.

    Examples
    --------
    >>> traffic(cells=4, days=2, seed=1).shape
    (288, 4)
    """
    import pandas as pd

    _check(cells, days, bursts, surges)
    generator = np.random.default_rng(seed)
    index = pd.date_range(start, periods=days * SLOTS_PER_DAY, freq=SLOT, tz=TIME_ZONE, name="time", unit="ms")
    place = _places(cells)
    logarithm = _shapes(generator, index, place) + _noise(generator, len(index), place)
    logarithm += _bursts(generator, len(index), cells, BURSTS._replace(rate=BURSTS.rate * bursts))
    logarithm += _surges(generator, len(index), place, SURGES._replace(rate=SURGES.rate * surges))
    level = np.exp(LEVEL[0] + LEVEL[1] * _smooth(generator, 1, place, MAP_REACH)[0])
    activity = np.exp(logarithm)
    # The level is the cell's mean over the period, so that shape and events change when traffic comes, not how much.
    activity *= level / activity.mean(axis=0)
    return pd.DataFrame(activity, index=index, columns=pd.Index(1 + place @ [100, 1], name="cell"))


def is_free_day(index: pd.DatetimeIndex) -> NDArray[np.bool_]:
    """Return for each time whether it falls on a Saturday or Sunday."""
    return np.asarray(index.day_of_week >= 5)


def day_shapes(index: pd.DatetimeIndex, free: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the regressors of the day shapes, (times, 17): free day or not, then harmonics of either kind of day."""
    angle = 2 * np.pi * np.asarray(index.hour * 60 + index.minute) / 1440
    waves = np.column_stack([wave(order * angle) for order in range(1, HARMONICS + 1) for wave in (np.cos, np.sin)])
    column = np.asarray(free, dtype=np.float64)[:, None]
    return np.hstack([column, waves * (1 - column), waves * column])


def _places(cells: int) -> NDArray[np.int64]:
    """Return row and column of each cell, (cells, 2), filling the smallest square block."""
    side = int(np.ceil(np.sqrt(cells)))
    return np.column_stack(np.divmod(np.arange(cells), side))


def _smooth(generator: np.random.Generator, count: int, place: NDArray[np.int64], reach: float) -> NDArray[np.float64]:
    """Draw `count` standard normal maps, (count, cells), correlated as exp(-(distance / reach)^2).

    This correlation is a product of one in rows and one in columns, so that two small factors serve any number of
    cells.
    """
    side = int(place.max()) + 1
    offset = np.subtract.outer(np.arange(side), np.arange(side))
    # The kernel is positive definite, but nearly singular for a long reach: the jitter is below its rounding noise.
    factor = np.linalg.cholesky(np.exp(-((offset / reach) ** 2)) + 1e-9 * np.eye(side))
    maps: NDArray[np.float64] = factor @ generator.standard_normal((count, side, side)) @ factor.T
    return np.asarray(maps[:, place[:, 0], place[:, 1]])


def _shapes(generator: np.random.Generator, index: pd.DatetimeIndex, place: NDArray[np.int64]) -> NDArray[np.float64]:
    kinds = _smooth(generator, len(SHAPES) - 1, place, MAP_REACH)
    coefficients = SHAPES[0][:, None] + SHAPES[1:].T @ kinds
    return np.asarray(day_shapes(index, is_free_day(index)) @ coefficients)


def _noise(generator: np.random.Generator, slots: int, place: NDArray[np.int64]) -> NDArray[np.float64]:
    from scipy.signal import lfilter

    def draw(count: int) -> NDArray[np.float64]:
        city = generator.standard_normal((count, 1))
        local = _smooth(generator, count, place, REACH)
        return np.asarray(np.sqrt(CITY_SHARE) * city + np.sqrt(1 - CITY_SHARE) * local)

    white = 1 - sum(share for share, _ in MEMORY)
    noise = np.sqrt(white) * draw(slots)
    for share, slots_of_memory in MEMORY:
        kept = np.exp(-1 / slots_of_memory)
        fresh = draw(slots)
        # The first value is drawn from the stationary law: no running in.
        fresh[1:] *= np.sqrt(1 - kept**2)
        noise += np.sqrt(share) * lfilter([1.0], [1.0, -kept], fresh, axis=0)
    spread = np.exp(generator.normal(*SPREAD, size=len(place)))
    return np.asarray(noise * spread)


def _bursts(generator: np.random.Generator, slots: int, cells: int, events: Events) -> NDArray[np.float64]:
    added = np.zeros((slots, cells))
    for start, length, height in _draw_events(generator, events, slots, cells):
        added[start : start + length, generator.integers(cells)] += height
    return added


def _surges(
    generator: np.random.Generator, slots: int, place: NDArray[np.int64], events: Events
) -> NDArray[np.float64]:
    """Crowds: centred on a cell, fading over its neighbours, rising and falling as half a sine."""
    added = np.zeros((slots, len(place)))
    # A surge is counted once per cell that it reaches: pi reach^2 of them.
    shared = events._replace(rate=events.rate / (np.pi * REACH**2))
    for start, length, height in _draw_events(generator, shared, slots, len(place)):
        distance = np.linalg.norm(place - place[generator.integers(len(place))], axis=1)
        course = np.sin(np.pi * (np.arange(length) + 0.5) / length)[: slots - start]
        added[start : start + length] += height * course[:, None] * np.exp(-((distance / REACH) ** 2))
    return added


def _draw_events(
    generator: np.random.Generator, events: Events, slots: int, cells: int
) -> list[tuple[int, int, float]]:
    """Draw start, duration and signed height of all events of a period."""
    count = int(generator.poisson(events.rate * cells * slots / SLOTS_PER_DAY))
    start = generator.integers(slots, size=count)
    length = events.shortest - 1 + generator.geometric(1 / (events.slots - events.shortest + 1), size=count)
    height = np.exp(generator.normal(events.height, events.deviation, size=count))
    sign = np.where(generator.random(count) < events.rising, 1.0, -1.0)
    return list(zip(start.tolist(), length.tolist(), (sign * height).tolist(), strict=True))


def _check(cells: int, days: int, bursts: float, surges: float) -> None:
    if not 1 <= cells <= SQUARES:
        raise InvalidOptionError(f"cells is {cells}; the map has 1 to {SQUARES}")
    if days < 1:
        raise InvalidOptionError(f"days is {days}; at least one is needed")
    for name, factor in (("bursts", bursts), ("surges", surges)):
        if not (np.isfinite(factor) and factor >= 0):
            raise InvalidOptionError(f"{name} is {factor}; a factor on a rate must be finite and not negative")
