r"""How fast a link is: Shannon's formula, and named links with the source of every number.

Zuo (2024, eq. 4.2) takes the rate of the wireless channel from the Shannon-Hartley formula, :math:`v = W \log_2 (1 +
\mathrm{SNR})`. That is a capacity: no modem exceeds it, and what an application sees lies far below. `preset` therefore
carries rates of three sorts, and each says which it is: what a standard's modem can do at best (nominal), what a
standard demands for a user at the edge of the cell (experienced), and what a paper assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidOptionError, InvalidProblemError
from ..model.records import Record, assign, number, plain, require

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

MEGA = 1e6
SPEED_OF_LIGHT = 299_792_458.0


def decibel_to_linear(decibel: ArrayLike) -> Any:
    """Return the power ratio of a level in decibel, 10^(dB / 10).

    Parameters
    ----------
    decibel : float or array
        Any finite level; 0 dB is a ratio of 1.

    Returns
    -------
    float or array
        In the shape of `decibel`.

    Raises
    ------
    InvalidProblemError
        If a level is no number or not finite.

    Examples
    --------
    >>> decibel_to_linear(20.0)
    100.0
    """
    return _as_given(10.0 ** (_finite(decibel, "decibel") / 10.0))


def shannon(bandwidth: ArrayLike, snr: ArrayLike | None = None, *, snr_db: ArrayLike | None = None) -> Any:
    """Return the capacity of a channel with Gaussian noise, W log2(1 + SNR) (Zuo 2024, eq. 4.2).

    Parameters
    ----------
    bandwidth : float or array
        W, hertz; > 0.
    snr : float or array
        Signal-to-noise ratio as a ratio of powers (not decibel); >= 0. A ratio of 0 gives the rate 0, which no
        split problem accepts as a link.
    snr_db : float or array
        The same in decibel; give one of the two.

    Returns
    -------
    float or array
        Rate in bit/s; arrays are broadcast.

    Raises
    ------
    InvalidOptionError
        If both or neither of `snr` and `snr_db` are given.
    InvalidProblemError
        If a value is out of its range, or the shapes do not broadcast.

    Examples
    --------
    >>> shannon(20e6, 3.0)
    40000000.0
    >>> shannon(20e6, snr_db=[0.0, 20.0]).round(-3)
    array([2.00000e+07, 1.33164e+08])
    """
    if (snr is None) == (snr_db is None):
        raise InvalidOptionError("give one of snr (a ratio of powers) and snr_db (decibel)")
    width = _finite(bandwidth, "bandwidth")
    require("bandwidth", np.atleast_1d(width), np.atleast_1d(width > 0), "must be above 0 Hz")
    ratio = _finite(decibel_to_linear(snr_db) if snr is None else snr, "snr")  # type: ignore[arg-type]
    require("snr", np.atleast_1d(ratio), np.atleast_1d(ratio >= 0), "must be a ratio >= 0 (decibel goes into snr_db)")
    try:
        # log1p keeps the small ratios: W SNR / ln 2 is what remains of the formula far below the noise.
        return _as_given(width * np.log1p(ratio) / np.log(2.0))
    except ValueError as error:
        raise InvalidProblemError(f"bandwidth {width.shape} and snr {ratio.shape} do not broadcast: {error}") from error


def transmit_power(rate: ArrayLike, bandwidth: ArrayLike, noise_density: float, gain: ArrayLike) -> Any:
    """Return the power that a rate needs: Shannon's formula inverted, ``N0 W / h (2^(R / W) - 1)``.

    (Labriji et al. 2023, eq. 11.)

    Parameters
    ----------
    rate : float or array
        Bit/s; >= 0.
    bandwidth : float or array
        W, hertz; > 0.
    noise_density : float
        N0, watt per hertz.
    gain : float or array
        Power gain h of the channel; > 0.

    Returns
    -------
    float or array
        Watt; inf where float64 cannot hold it.

    Raises
    ------
    InvalidProblemError
        If a value is out of its range.

    Examples
    --------
    >>> transmit_power(40e6, 20e6, 1e-18, 1e-9)
    0.06
    """
    wanted, width, h = _finite(rate, "rate"), _finite(bandwidth, "bandwidth"), _finite(gain, "gain")
    require("rate", np.atleast_1d(wanted), np.atleast_1d(wanted >= 0), "must be at least 0 bit/s")
    for name, value in (("bandwidth", width), ("gain", h)):
        require(name, np.atleast_1d(value), np.atleast_1d(value > 0), "must be positive")
    noise = number(noise_density, "noise_density", at_least=0.0) * width / h
    with np.errstate(over="ignore"):
        return _as_given(noise * np.expm1(wanted / width * np.log(2.0)))


def path_gain(distance: ArrayLike, carrier: float, exponent: float) -> Any:
    """Return the mean power gain of a link, ``(wavelength / 4 pi)^2 distance^-exponent``.

    With Rayleigh fading the gain of a slot is this times an exponential variable of mean 1.

    Parameters
    ----------
    distance : float or array
        Metres, > 0.
    carrier : float
        Hertz.
    exponent : float
        Of the path loss; 2 in free space.

    Examples
    --------
    >>> f"{path_gain(50.0, 3.5e9, 3.0):.4g}"
    '3.717e-10'
    """
    metres = _finite(distance, "distance")
    require("distance", np.atleast_1d(metres), np.atleast_1d(metres > 0), "must be positive")
    wavelength = SPEED_OF_LIGHT / number(carrier, "carrier", at_least=1.0)
    return _as_given((wavelength / (4 * np.pi)) ** 2 * metres**-exponent)


@dataclass(frozen=True, eq=False)
class Link(Record):
    """A link between two neighbouring tiers.

    Attributes
    ----------
    name : str
        What `preset` calls it.
    uplink_rate, downlink_rate : float
        Away from the device and towards it, bit/s.
    delay : float
        Seconds that a crossing takes besides; 0 where the source states none.
    source : str
        Where the numbers come from, and what sort of rate they are.
    """

    name: str
    uplink_rate: float
    downlink_rate: float
    delay: float
    source: str

    def __post_init__(self) -> None:
        for field in ("uplink_rate", "downlink_rate"):
            rate = number(getattr(self, field), field, at_least=0.0)
            if rate == 0:
                raise InvalidProblemError(f"{field} of link {self.name!r} is 0; expected a rate above 0 bit/s")
            assign(self, **{field: rate})
        assign(self, delay=number(self.delay, "delay", at_least=0.0))

    def __str__(self) -> str:
        rates = f"{self.uplink_rate / MEGA:g} up, {self.downlink_rate / MEGA:g} down Mbit/s"
        return f"{self.name}: {rates}, {1e3 * self.delay:g} ms ({self.source})"


def _link(name: str, uplink: float, downlink: float, source: str, delay: float = 0.0) -> tuple[str, Link]:
    return name, Link(name, uplink * MEGA, downlink * MEGA, delay, source)


PRESETS: Mapping[str, Link] = MappingProxyType(
    dict(
        [
            _link("lte-74", 74, 74, "Zuo (2024, section 5.1): LTE with interference, one rate for both directions"),
            _link("lte-nominal", 40, 150, "Zuo (2024, section 5.1): FDD-LTE, 2 x 20 MHz, theoretical"),
            _link("lte-cat1", 5, 10, "nominal: 3GPP TS 36.306, UE category 1"),
            _link("lte-cat4", 50, 150, "nominal: 3GPP TS 36.306, UE category 4"),
            _link(
                "5g-experienced",
                50,
                100,
                "experienced: ITU-R M.2410-0, 4.3, dense urban, reached by 95 % of users; delay: 4.7.1, eMBB",
                delay=4e-3,
            ),
            _link(
                "5g-peak",
                10_000,
                20_000,
                "nominal: ITU-R M.2410-0, 4.1, peak rate of one user under ideal conditions; delay: 4.7.1, eMBB",
                delay=4e-3,
            ),
            _link("wifi-4", 72.2, 72.2, "nominal: IEEE 802.11n, 20 MHz, one stream, MCS 7, short guard interval"),
            _link("wifi-5", 433.3, 433.3, "nominal: IEEE 802.11ac, 80 MHz, one stream, MCS 9, short guard interval"),
            _link(
                "wifi-6", 1201.0, 1201.0, "nominal: IEEE 802.11ax, 80 MHz, two streams, MCS 11, 0.8 us guard interval"
            ),
            _link("gigabit-ethernet", 1000, 1000, "nominal: IEEE 802.3ab, 1000BASE-T, full duplex"),
        ]
    )
)
"""Links by name. Nominal rates are those of the physical layer; Wi-Fi's is shared by both directions and all users."""


def preset(name: str) -> Link:
    """Return a named link.

    Parameters
    ----------
    name : str
        One of `PRESETS`.

    Raises
    ------
    InvalidOptionError
        If there is no such link; lists those there are.

    Examples
    --------
    >>> preset("lte-74").uplink_rate
    74000000.0
    """
    try:
        return PRESETS[name]
    except (KeyError, TypeError):
        raise InvalidOptionError(f"no link {name!r}; there are {', '.join(PRESETS)}") from None


def _finite(value: ArrayLike, field: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        array = np.asarray(plain(value, field), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidProblemError(f"{field} is {value!r}; expected real numbers ({error})") from error
    require(field, np.atleast_1d(array), np.atleast_1d(np.isfinite(array)), "must be finite")
    return array


def _as_given(array: Any) -> Any:
    """Return a plain float for a number, an array for arrays."""
    return float(array) if np.ndim(array) == 0 else array
