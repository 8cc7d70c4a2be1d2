from __future__ import annotations

import json
import logging
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeopt.data.layer_timings import read_layer_timings
from edgeopt.model.errors import (
    DataFormatError,
    ExtraNotInstalledError,
    InvalidOptionError,
    InvalidProblemError,
)
from edgeopt.profiles.device import FREE, DeviceModel, LayerRegression
from edgeopt.profiles.layer_time_errors import (
    BOOSTED,
    FEATURES,
    goodness,
    held_out,
    layer_time_study,
)

BYTE, MS = 8.0, 1e-3
COLUMNS = ("name", "kind", "input_bits", "output_bits", "kernel", "stride", "in_channels", "out_channels", "groups")


def table(*rows: dict) -> pd.DataFrame:
    blank = dict.fromkeys(COLUMNS, 0) | {"groups": 1}
    return pd.DataFrame([blank | {"name": f"l{i}"} | row for i, row in enumerate(rows)])


# One layer of each kind, worked by hand from Table 4.2: sizes in bytes, times in milliseconds.
CONV = {"kind": "conv", "kernel": 11, "stride": 4, "in_channels": 3, "out_channels": 96}  # x1 = 3, x2 = 2178
SIZED = {"input_bits": 10_000 * BYTE, "output_bits": 2_500 * BYTE}
BY_HAND = [
    (CONV, 0.0001809 + 0.270072 + 0.189, 0.01839 + 58.1526 - 9.909),
    ({"kind": "relu", **SIZED}, 0.056 + 0.0569, 0.15 + 0.488),
    ({"kind": "pooling", **SIZED}, 0.163 + 0.010175 + 0.211, 1.33 + 0.08275 + 1.657),
    ({"kind": "lrn", **SIZED}, 0.659 + 0.078, 5.19 + 0.589),
    ({"kind": "dropout", **SIZED}, 0.0523 + 0.00464, 0.659 + 0.0525),
    ({"kind": "linear", **SIZED}, 1.07 - 0.4575 + 0.164, 9.18 + 9.975 + 1.169),
]


@pytest.mark.parametrize(("layer", "edge", "mobile"), BY_HAND, ids=[row[0]["kind"] for row in BY_HAND])
def test_table_4_2_by_hand(layer, edge, mobile):
    for device, expected in (("edge", edge), ("mobile", mobile)):
        prediction = DeviceModel.table_4_2(device).predict(table(layer))
        assert prediction.seconds == pytest.approx([expected * MS], rel=1e-12)
        assert not prediction.floored.any()
        assert not prediction.extrapolated.any()


def test_loading_and_parsing_by_hand():
    edge, mobile = DeviceModel.table_4_2("edge"), DeviceModel.table_4_2("mobile")
    megabyte = 1e6 * BYTE
    assert edge.loading_time(megabyte) == pytest.approx((1.33 + 2.182) * MS)
    assert mobile.loading_time(megabyte) == pytest.approx((4.49 + 82.136) * MS)
    assert mobile.parsing_time(megabyte) == pytest.approx((3.48 + 4.253) * MS)
    with pytest.raises(InvalidProblemError, match="'edge' has no regression of the parsing time"):
        edge.parsing_time(megabyte)
    with pytest.raises(InvalidProblemError, match="model_bits is -1"):
        edge.loading_time(-1.0)


def test_a_negative_loading_time_is_floored_visibly(caplog):
    hasty = replace(DeviceModel.table_4_2("edge"), loading=LayerRegression(("model_bits",), (1e-9,), -1.0))
    assert hasty.loading_time(2e9) == pytest.approx(1.0)
    assert not caplog.text
    assert hasty.loading_time(1e6) == 0.0
    assert "loading time of 1e+06 bits is floored at zero" in caplog.text


def test_negative_times_are_floored_visibly(caplog):
    """Errata 5: a small convolution on the mobile device, a wide layer on the edge."""
    small = {"kind": "conv", "kernel": 3, "stride": 1, "in_channels": 3, "out_channels": 8}
    wide = {"kind": "linear", "input_bits": 40 * BYTE, "output_bits": 10_000 * BYTE}
    with caplog.at_level(logging.WARNING, "edgeopt.profiles.device"):
        mobile = DeviceModel.table_4_2("mobile").predict(table(small, CONV))
        edge = DeviceModel.table_4_2("edge").predict(table(small, wide))
    assert mobile.seconds[0] == 0.0
    assert mobile.floored.tolist() == [True, False]
    assert mobile.floored_names == ("l0",)
    assert mobile.total == pytest.approx(48.26199 * MS)
    assert edge.floored.tolist() == [False, True]
    assert "mobile: 1 time(s) floored at zero: l0" in caplog.text
    assert "1 floored at zero" in str(mobile)


def test_grouped_convolutions_have_narrow_filters():
    depthwise = {
        "kind": "depthwise_conv",
        "kernel": 3,
        "stride": 1,
        "in_channels": 512,
        "out_channels": 512,
        "groups": 512,
    }
    seconds = DeviceModel.table_4_2("edge").predict(table(depthwise)).seconds
    assert seconds == pytest.approx([(6.03e-5 * 512 + 1.24e-4 * 9 * 512 + 0.189) * MS])


def test_without_a_groups_column_there_is_one_group():
    layers = table(CONV)
    model = DeviceModel.table_4_2("mobile")
    assert model.predict(layers.drop(columns="groups")).seconds == model.predict(layers).seconds


@pytest.mark.parametrize(
    ("kind", "like"),
    [("gelu", "relu"), ("activation", "relu"), ("maxpool", "pooling"), ("avgpool", "pooling"), ("batchnorm", "lrn")],
)
def test_documented_substitutes(kind, like):
    model = DeviceModel.table_4_2("edge")
    assert (
        model.predict(table({"kind": kind, **SIZED})).seconds == model.predict(table({"kind": like, **SIZED})).seconds
    )


@pytest.mark.parametrize("kind", sorted(FREE))
def test_reshaping_is_free(kind):
    assert DeviceModel.table_4_2("mobile").predict(table({"kind": kind, **SIZED})).total == 0.0


def test_other_kinds_need_a_word_from_the_user():
    model, layers = DeviceModel.table_4_2("edge"), table({"kind": "add", "name": "block.add", **SIZED})
    with pytest.raises(InvalidProblemError, match=r"kind add \(layer block.add\).*substitute=\{'add': 'relu'\}"):
        model.predict(layers)
    told = DeviceModel.table_4_2("edge", substitute={"add": "gelu"})
    assert told.predict(layers).seconds == pytest.approx([0.1129 * MS])
    assert model.with_substitute({"add": "relu"}).predict(layers).seconds == told.predict(layers).seconds
    with pytest.raises(InvalidProblemError, match="add -> mul"):
        model.with_substitute({"add": "mul", "mul": "add"}).predict(layers)


def test_an_unknown_device_is_refused():
    with pytest.raises(InvalidOptionError, match="Table 4.2 has mobile and edge"):
        DeviceModel.table_4_2("cloud")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stride": 0}, r"stride\[0\] of layer l0 \(conv\) is 0; expected a number above 0"),
        ({"groups": 0}, r"groups\[0\]"),
        ({"in_channels": np.nan}, r"in_channels\[0\] of layer l0 \(conv\) is nan"),
        ({"kernel": "wide"}, "'kernel'.*holds no numbers"),
        ({"out_channels": -1}, "-1"),
    ],
)
def test_impossible_layers_are_refused(change, message):
    with pytest.raises(InvalidProblemError, match=message):
        DeviceModel.table_4_2("edge").predict(table(CONV | change))


def test_a_missing_column_is_named():
    with pytest.raises(InvalidProblemError, match="no column 'stride'; its columns: name, kind"):
        DeviceModel.table_4_2("edge").predict(table(CONV).drop(columns="stride"))
    with pytest.raises(InvalidProblemError, match="no column 'kind'"):
        DeviceModel.table_4_2("edge").predict({"input_bits": [1.0]})


def test_layer_tables_are_understood():
    torch = pytest.importorskip("torch")
    from edgeopt.profiles.dnn import LayerTable

    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 96, 11, 4),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(3, 2),
        torch.nn.Flatten(),
        torch.nn.Linear(96 * 13 * 13, 10),
    )
    prediction = DeviceModel.table_4_2("edge").predict(LayerTable.from_module(network, torch.zeros(1, 3, 115, 115)))
    words = {"conv": 96 * 27 * 27, "pool": 96 * 13 * 13}
    expected = [
        0.4592529,
        5.6e-6 * 4 * words["conv"] + 5.69e-2,
        1.63e-5 * 4 * words["conv"] + 4.07e-6 * 4 * words["pool"] + 0.211,
        0.0,
        1.07e-4 * 4 * words["pool"] - 1.83e-4 * 40 + 0.164,
    ]
    assert prediction.seconds == pytest.approx(np.array(expected) * MS, rel=1e-9)


@given(st.permutations(range(len(BY_HAND))), st.sampled_from(["edge", "mobile"]))
def test_the_order_of_layers_does_not_matter(order, device):
    model, layers = DeviceModel.table_4_2(device), table(*[row[0] for row in BY_HAND])
    shuffled = model.predict(layers.iloc[list(order)].reset_index(drop=True))
    assert shuffled.seconds.tolist() == model.predict(layers).seconds[list(order)].tolist()


def layers_of(kinds: list[str], count: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    kernel, stride = rng.integers(1, 12, count), rng.integers(1, 5, count)
    sizes = rng.integers(1, 10**7, (2, count)) * 32.0
    channels = rng.integers(1, 1025, (2, count))
    columns = (kinds * count)[:count], *sizes, kernel, stride, *channels, np.ones(count, int)
    return pd.DataFrame(dict(zip(COLUMNS[1:], columns, strict=True)))


@pytest.mark.parametrize("weighting", ["absolute", "relative"])
@pytest.mark.parametrize("nonnegative", [False, True])
def test_fit_recovers_planted_coefficients(weighting, nonnegative):
    kinds = ["conv", "relu", "pooling", "lrn", "dropout"]
    layers = layers_of(kinds, 100, seed=1)
    # Intercepts above zero, so that no time needs a floor, and then planted ones are the least squares.
    planted = DeviceModel.table_4_2("edge")
    layers["seconds"] = planted.predict(layers).seconds
    fitted = DeviceModel.fit(layers, weighting=weighting, nonnegative=nonnegative)
    for kind in kinds:
        found, true = fitted.regressions[kind], planted.regressions[kind]
        assert found.variables == true.variables
        assert found.slopes == pytest.approx(true.slopes, rel=1e-8)
        assert found.intercept == pytest.approx(true.intercept, rel=1e-6)
        assert found.rows == 20
    assert np.abs(fitted.residuals(layers)).max() < 1e-9 * layers.seconds.max()
    errors = fitted.errors(layers)
    assert errors.index.tolist() == kinds
    assert (errors.r2 > 1 - 1e-12).all()
    assert (errors.median_ape < 1e-8).all()


def test_least_squares_agree_with_numpy_and_relative_errors_with_weights():
    layers = layers_of(["linear"], 50, seed=2)
    layers["seconds"] = np.random.default_rng(3).gamma(2.0, 1e-3, 50)
    design = np.column_stack([layers[["input_bits", "output_bits"]], np.ones(50)])
    for weighting, weights in (("absolute", np.ones(50)), ("relative", 1 / layers.seconds.to_numpy())):
        expected = np.linalg.pinv(design * weights[:, None], rcond=1e-20) @ (layers.seconds * weights)
        found = DeviceModel.fit(layers, weighting=weighting).regressions["linear"]
        assert (*found.slopes, found.intercept) == pytest.approx(expected.tolist(), rel=1e-6)


def test_nonnegative_fits_never_need_a_floor():
    layers = table(
        {"kind": "relu", "input_bits": 1e6}, {"kind": "relu", "input_bits": 2e6}, {"kind": "relu", "input_bits": 3e6}
    )
    layers["seconds"] = [0.1, 2.0, 4.0]
    tiny = table({"kind": "relu", "input_bits": 1.0})
    assert DeviceModel.fit(layers).predict(tiny).floored.all()
    assert not DeviceModel.fit(layers, nonnegative=True).predict(tiny).floored.any()


def test_custom_forms_take_any_column():
    layers = layers_of(["conv"], 30, seed=4).assign(macs=np.arange(30) * 1e6)
    layers["seconds"] = 1e-3 + 2e-12 * layers.macs
    fitted = DeviceModel.fit(layers, forms={"conv": ("macs",)})
    assert fitted.regressions["conv"].slopes == pytest.approx((2e-12,))
    assert fitted.predict(layers.drop(columns=["kernel", "stride"])).seconds == pytest.approx(layers.seconds)


def test_one_measurement_predicts_itself():
    layers = table({"kind": "add", **SIZED}).assign(seconds=0.25)
    assert DeviceModel.fit(layers).predict(layers).seconds == pytest.approx([0.25])


def test_leaving_the_fitted_range_is_said():
    layers = table(*[{"kind": "relu", "input_bits": bits} for bits in (1e6, 2e6, 3e6)])
    fitted = DeviceModel.fit(layers.assign(seconds=[1.0, 2.0, 3.0]))
    asked = table(*[{"kind": "gelu", "input_bits": bits} for bits in (1e6, 2.5e6, 3e6, 3.1e6, 0.9e6)])
    prediction = fitted.predict(asked)
    assert prediction.extrapolated.tolist() == [False, False, False, True, True]
    assert "2 beyond the fitted range" in str(prediction)


@pytest.mark.parametrize(
    ("measurements", "message"),
    [
        (table({"kind": "relu"}), "no column 'seconds'"),
        (table({"kind": "relu"}).assign(seconds=-1.0), r"seconds\[0\] is -1.0"),
        (table({"kind": "relu"}).assign(seconds=np.nan), r"seconds\[0\] is nan"),
        (table({"kind": "relu"}).assign(seconds=1.0).iloc[:0], "no row"),
        (table({"kind": "relu", "input_bits": np.inf}).assign(seconds=1.0), r"input_bits\[0\]"),
    ],
)
def test_measurements_are_validated(measurements, message):
    with pytest.raises(InvalidProblemError, match=message):
        DeviceModel.fit(measurements)


def test_fit_options_are_validated():
    layers = table({"kind": "relu"}).assign(seconds=0.0)
    with pytest.raises(InvalidOptionError, match="weighting is 'squared'; choose from absolute, relative"):
        DeviceModel.fit(layers, weighting="squared")
    with pytest.raises(InvalidProblemError, match="must be above 0 for relative errors"):
        DeviceModel.fit(layers, weighting="relative")
    with pytest.raises(InvalidProblemError, match="must be above 0 for a relative error"):
        DeviceModel.fit(layers).errors(layers)


def test_json_round_trip(tmp_path):
    layers = layers_of(["conv", "relu", "add"], 30, seed=5).assign(seconds=np.linspace(1e-3, 1.0, 30))
    for model in (DeviceModel.table_4_2("mobile"), DeviceModel.fit(layers, name="mine", substitute={"mul": "add"})):
        model.to_json(tmp_path / "model.json")
        again = DeviceModel.from_json(tmp_path / "model.json")
        assert again.name == model.name
        assert again.substitute == model.substitute
        assert {kind: vars(r) for kind, r in again.regressions.items()} == {
            kind: vars(r) for kind, r in model.regressions.items()
        }
        assert again.source == model.source
        extras = [(m.loading and vars(m.loading), m.parsing and vars(m.parsing)) for m in (again, model)]
        assert extras[0] == extras[1]
    assert [path.name for path in tmp_path.iterdir()] == ["model.json"]


def test_damaged_json_is_refused(tmp_path):
    path = tmp_path / "model.json"
    DeviceModel.table_4_2("edge").to_json(path)
    good = path.read_text()
    head = json.loads(good)
    relu = head["regressions"]["mapping"]["relu"]
    damaged = {
        "half": good[: len(good) // 2],
        "other": json.dumps({**head, "regressions": {"mapping": {}}}),
        "field": json.dumps({**head, "speed": 3}),
        "nan": json.dumps(head | {"regressions": {"mapping": {"relu": {**relu, "intercept": {"float": "nan"}}}}}),
        "short": json.dumps(head | {"regressions": {"mapping": {"relu": {**relu, "slopes": []}}}}),
        "text": json.dumps(head | {"regressions": {"mapping": {"relu": {**relu, "slopes": ["fast"]}}}}),
        "flat": json.dumps(head | {"regressions": [1, 2]}),
        "kind": json.dumps(head | {"loading": 3.0}),
        "other type": json.dumps({"edgeopt": 1, "arrays": None, **relu}),
    }
    for content in damaged.values():
        path.write_text(content)
        with pytest.raises((DataFormatError, InvalidProblemError)):
            DeviceModel.from_json(path)
    with pytest.raises(DataFormatError, match="cannot be read"):
        DeviceModel.from_json(tmp_path / "none.json")
    with pytest.raises(DataFormatError, match="cannot be written"):
        DeviceModel.table_4_2("edge").to_json(tmp_path / "none" / "model.json")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"variables": "input_bits", "slopes": (1.0,)}, "variables is 'input_bits'"),
        ({"variables": ("a",), "slopes": (1.0, 2.0)}, "a number for each of a"),
        ({"variables": ("a",), "slopes": (np.inf,)}, r"slopes\[0\]"),
        ({"variables": ("a",), "slopes": (1.0,), "least": (2.0,)}, "together"),
        ({"variables": ("a",), "slopes": (1.0,), "least": (2.0,), "greatest": (1.0,)}, "exceeds"),
        ({"variables": ("a",), "slopes": (1.0,), "rows": -1}, "rows"),
    ],
)
def test_regressions_are_validated(fields, message):
    with pytest.raises(InvalidProblemError, match=message):
        LayerRegression(intercept=0.0, **fields)


def test_models_are_validated():
    model = DeviceModel.table_4_2("edge")
    for change, message in (
        ({"regressions": {}}, "empty"),
        ({"substitute": {"a": 1}}, "substitute"),
        ({"parsing": model.regressions["relu"]}, "model_bits"),
    ):
        with pytest.raises(InvalidProblemError, match=message):
            replace(model, **change)


def test_goodness_by_hand():
    found = goodness(np.array([1.0, 2.0, 3.0]), np.array([1.5, 2.0, 2.0]))
    assert found == pytest.approx({"rows": 3, "median_ape": 1 / 3, "mean_ape": (0.5 + 1 / 3) / 3, "r2": 1 - 1.25 / 2})
    assert np.isnan(goodness(np.array([1.0]), np.array([1.0]))["r2"])


def test_equal_layers_stay_on_one_side():
    group = pd.DataFrame({name: np.repeat(np.arange(20.0), 3) for name in FEATURES})
    chosen = held_out(group, np.random.default_rng(0)).reshape(20, 3)
    assert (chosen.all(axis=1) | ~chosen.any(axis=1)).all()
    assert chosen.sum() == 12
    for share in (0.0, 0.01, 1.0):
        with pytest.raises(InvalidProblemError, match="leaves nothing"):
            held_out(group, np.random.default_rng(0), share)


def study_frame() -> pd.DataFrame:
    frame = layers_of(["conv", "relu"], 200, seed=6).assign(machine="m", macs=1.0, input_size=3)
    frame["seconds"] = DeviceModel.table_4_2("edge").predict(frame).seconds
    return frame


def test_the_study_is_exact_on_linear_data_and_repeatable():
    pytest.importorskip("sklearn")
    frame = study_frame()
    study = layer_time_study(frame)
    assert study.xs("Table 4.1", level="regressor").median_ape.max() < 1e-8
    assert (study["rows"] == 20).all()
    assert (study["fitted"] == 80).all()
    pd.testing.assert_frame_equal(study, layer_time_study(frame))


def test_the_study_refuses_what_it_cannot_judge(monkeypatch):
    pytest.importorskip("sklearn")
    frame = study_frame()
    with pytest.raises(InvalidProblemError, match="no column 'macs'"):
        layer_time_study(frame.drop(columns="macs"))
    with pytest.raises(InvalidProblemError, match=r"seconds of m, conv\[0\] is 0.0"):
        layer_time_study(frame.assign(seconds=0.0))
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(ExtraNotInstalledError, match=r"pip install 'edgeopt\[learn\]'"):
        layer_time_study(frame)


def test_boosting_beats_the_papers_forms_on_every_kind(data_dir):
    """Held-out layers of the 49,816 published timings."""
    pytest.importorskip("sklearn")
    frame = read_layer_timings(data_dir / "dnn_profiles" / "neurosurgeon_layers")
    study = layer_time_study(frame)
    errors = study.median_ape.unstack("regressor")
    assert len(errors) == 12
    assert (errors[BOOSTED] < 0.5 * errors["Table 4.1"]).all()
    assert errors[BOOSTED].max() < 0.2
    assert (
        study["rows"].xs(BOOSTED, level="regressor").sum() + study["fitted"].xs(BOOSTED, level="regressor").sum()
        == 49_816
    )
