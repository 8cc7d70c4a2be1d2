from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeopt.model.errors import InvalidOptionError, InvalidProblemError
from edgeopt.profiles.channel import (
    PRESETS,
    Link,
    decibel_to_linear,
    path_gain,
    preset,
    shannon,
    transmit_power,
)

widths = st.floats(1.0, 1e10)
ratios = st.floats(0.0, 1e9)


@pytest.mark.parametrize(
    ("bandwidth", "snr", "rate"), [(1e6, 1.0, 1e6), (20e6, 3.0, 40e6), (5.0, 1023.0, 50.0), (1.0, 0.0, 0.0)]
)
def test_shannon_by_hand(bandwidth, snr, rate):
    assert shannon(bandwidth, snr) == pytest.approx(rate, rel=1e-14)


def test_decibel_by_hand():
    assert decibel_to_linear(0.0) == 1.0
    assert decibel_to_linear([10.0, 20.0, -30.0]) == pytest.approx([10.0, 100.0, 1e-3])
    assert shannon(1e6, snr_db=30.0) == shannon(1e6, 1000.0)


def test_far_below_the_noise_the_rate_is_proportional_to_the_power():
    assert shannon(1e6, 1e-18) == pytest.approx(1e6 * 1e-18 / math.log(2.0), rel=1e-12)


@given(widths, ratios, ratios)
def test_the_rate_grows_with_the_snr(bandwidth, a, b):
    assert (shannon(bandwidth, a) <= shannon(bandwidth, b)) == (shannon(1.0, a) <= shannon(1.0, b))
    if a <= b:
        assert shannon(bandwidth, a) <= shannon(bandwidth, b)


@given(widths, ratios, st.floats(0.1, 10.0))
def test_the_rate_is_proportional_to_the_bandwidth(bandwidth, snr, factor):
    assert shannon(factor * bandwidth, snr) == pytest.approx(factor * shannon(bandwidth, snr), rel=1e-12)


@given(widths, st.floats(-100.0, 90.0))
def test_decibel_and_ratio_agree(bandwidth, level):
    assert shannon(bandwidth, snr_db=level) == shannon(bandwidth, decibel_to_linear(level))


def test_arrays_broadcast_and_numbers_stay_numbers():
    assert isinstance(shannon(1e6, 1.0), float)
    rates = shannon(np.array([[1e6], [2e6]]), [1.0, 3.0, 7.0])
    assert rates == pytest.approx(np.array([[1e6, 2e6, 3e6], [2e6, 4e6, 6e6]]))


@pytest.mark.parametrize(
    ("arguments", "names", "message"),
    [
        ((0.0, 1.0), {}, r"bandwidth\[0\] is 0.0.*above 0 Hz"),
        (([1.0, -1.0], 1.0), {}, r"bandwidth\[1\] is -1.0"),
        ((1.0, -3.0), {}, "snr_db"),
        ((1.0, [1.0, math.nan]), {}, r"snr\[1\] is nan"),
        ((1.0, "much"), {}, "snr is 'much'"),
        ((1.0,), {"snr_db": math.inf}, "must be finite"),
        (([1.0, 2.0], [1.0, 2.0, 3.0]), {}, "do not broadcast"),
    ],
)
def test_impossible_channels_are_refused(arguments, names, message):
    with pytest.raises(InvalidProblemError, match=message):
        shannon(*arguments, **names)


@pytest.mark.parametrize("names", [{}, {"snr": 1.0, "snr_db": 0.0}])
def test_exactly_one_signal_to_noise_ratio(names):
    with pytest.raises(InvalidOptionError, match="give one of"):
        shannon(1.0, **names)


def test_every_preset_has_rates_and_a_source():
    for name, link in PRESETS.items():
        assert preset(name) is link
        assert link.name == name
        assert 0 < link.uplink_rate <= link.downlink_rate < math.inf
        assert 0 <= link.delay < 0.1
        assert any(word in link.source for word in ("Zuo", "3GPP", "ITU", "IEEE"))
        assert name in str(link)


def test_the_papers_links():
    assert (preset("lte-74").uplink_rate, preset("lte-74").downlink_rate) == (74e6, 74e6)
    assert (preset("lte-nominal").uplink_rate, preset("lte-nominal").downlink_rate) == (40e6, 150e6)
    assert (preset("5g-experienced").uplink_rate, preset("5g-experienced").downlink_rate) == (50e6, 100e6)


def test_802_11_rates_follow_from_their_modulation():
    """Subcarriers x bits x code rate x streams / symbol time, as the standards define them."""
    assert preset("wifi-4").uplink_rate == pytest.approx(52 * 6 * 5 / 6 / 3.6e-6, rel=1e-3)
    assert preset("wifi-5").uplink_rate == pytest.approx(234 * 8 * 5 / 6 / 3.6e-6, rel=1e-3)
    assert preset("wifi-6").uplink_rate == pytest.approx(2 * 980 * 10 * 5 / 6 / 13.6e-6, rel=1e-3)


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(InvalidOptionError, match="no link 'lte'; there are lte-74"):
        preset("lte")


@pytest.mark.parametrize(("field", "value"), [("uplink_rate", 0.0), ("downlink_rate", -1.0), ("delay", math.nan)])
def test_a_link_is_validated(field, value):
    fields = {"name": "x", "uplink_rate": 1.0, "downlink_rate": 1.0, "delay": 0.0, "source": "test", field: value}
    with pytest.raises(InvalidProblemError, match=field):
        Link(**fields)


@given(widths, st.floats(1e-12, 1e6), st.floats(1e-22, 1e-16), st.floats(1e-15, 1e-3))
def test_the_power_for_a_rate_is_shannon_s_formula_inverted(bandwidth, ratio, noise_density, gain):
    power = transmit_power(shannon(bandwidth, ratio), bandwidth, noise_density, gain)
    assert power == pytest.approx(ratio * noise_density * bandwidth / gain, rel=1e-9)


def test_path_gain_falls_with_the_distance():
    near, far = path_gain([10.0, 20.0], 3.5e9, 3.0)
    assert near / far == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: transmit_power(-1.0, 1.0, 1.0, 1.0), "rate.* at least 0"),
        (lambda: transmit_power(1.0, 0.0, 1.0, 1.0), "bandwidth.* positive"),
        (lambda: transmit_power(1.0, 1.0, 1.0, [1.0, 0.0]), r"gain\[1\]"),
        (lambda: path_gain(0.0, 1e9, 2.0), "distance.* positive"),
        (lambda: path_gain(1.0, 0.0, 2.0), "carrier is 0.0"),
    ],
)
def test_impossible_powers_and_gains_are_refused(call, message):
    with pytest.raises(InvalidProblemError, match=message):
        call()
