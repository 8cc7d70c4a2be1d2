"""Measured layers of MobileNetV2: the real file, by hand, and damaged ones."""

from __future__ import annotations

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.data.jetson import measured_splits, read_jetson
from edgeopt.profiles.energy import JETSON_TX2, mobilenet_splits

FILE = "dnn_profiles/jetson_mobilenet_v2/average_power_and_run_time.csv"


def test_all_layers_are_there(data_dir):
    assert len(read_jetson(data_dir / FILE)) == 167


def test_the_measured_file_gives_time_and_energy_of_each_split(genuine):
    layers = read_jetson(genuine / FILE)
    assert layers.seconds[0] == pytest.approx(0.13567360043525695e-3)
    assert layers.joules[0] == pytest.approx(0.13567360043525695e-3 * 5.973112247278167)
    computed = mobilenet_splits()
    costs = measured_splits(layers, computed, JETSON_TX2.speed)
    assert costs.local_energy[0] == 0.0
    assert (np.diff(costs.local_energy) > 0).all()
    assert costs.local_energy[1] == pytest.approx(layers.joules[layers.module == 0].sum())
    assert costs.local_energy[-1] == pytest.approx(layers.joules.sum())
    assert costs.local_flops[-1] / JETSON_TX2.speed == pytest.approx(layers.seconds.sum())
    np.testing.assert_array_equal(costs.payload_bits, computed.payload_bits)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layer name,average_power\nx,1\n", "no column 'average_run_time'"),
        ("layer name,average_power,average_run_time\nfeatures_0,1,minus\n", "line 2"),
        ("layer name,average_power,average_run_time\nfeatures_0,1,1\n", "no layer of module 1"),
        (
            "layer name,average_power,average_run_time\nfeatures_0,1,1\nfeatures_1,1,1\nfeatures_0,1,2\n",
            "line 4: layer name features_0 is in line 2 already; drop one of the two",
        ),
    ],
)
def test_damaged_files_are_refused(tmp_path, text, message):
    path = tmp_path / "layers.csv"
    path.write_text(text)
    with pytest.raises(eo.DataFormatError, match=message):
        read_jetson(path)
