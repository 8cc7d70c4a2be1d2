from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeopt.data.dnn_profiles import find, read_columns
from edgeopt.data.layer_timings import COLUMNS, read_layer_timings
from edgeopt.data.portend import NETWORKS, Portend, read_portend
from edgeopt.data.scission import (
    TIERS,
    read_scission,
    scission_network,
    scission_tiers,
)
from edgeopt.formulations.placement.exits import Exit
from edgeopt.model.errors import DataFormatError, InvalidOptionError, InvalidProblemError


@pytest.fixture(scope="module")
def timings(any_data: Path) -> pd.DataFrame:
    return read_layer_timings(any_data / "dnn_profiles" / "neurosurgeon_layers")


@pytest.fixture(scope="module")
def blocks(any_data: Path) -> pd.DataFrame:
    return read_scission(any_data / "dnn_profiles" / "scission" / "scission_layers.csv")


@pytest.fixture(scope="module")
def all_blocks(data_dir: Path) -> pd.DataFrame:
    return read_scission(data_dir / "dnn_profiles" / "scission" / "scission_layers.csv")


@pytest.fixture(scope="module")
def portend(any_data: Path) -> Portend:
    return read_portend(any_data / "dnn_profiles" / "portend")


@pytest.fixture(scope="module")
def all_portend(data_dir: Path) -> Portend:
    return read_portend(data_dir / "dnn_profiles" / "portend")


# ---- the 49,816 layer timings


def test_all_layer_timings_are_there(data_dir):
    timings = read_layer_timings(data_dir / "dnn_profiles" / "neurosurgeon_layers")
    assert tuple(timings.columns) == COLUMNS
    assert len(timings) == 49_816
    counts = timings.groupby(["machine", "kind"]).size()
    assert counts["edge"].to_dict() == {
        "avgpool": 2555,
        "batchnorm": 2050,
        "conv": 12051,
        "depthwise_conv": 1450,
        "linear": 3025,
        "maxpool": 3045,
    }
    assert counts["cloud"].to_dict() == {
        "avgpool": 3745,
        "batchnorm": 2050,
        "conv": 12325,
        "depthwise_conv": 1450,
        "linear": 3025,
        "maxpool": 3045,
    }
    assert (timings.seconds > 0).all()
    numbers = timings.drop(columns=["machine", "name", "kind"])
    assert np.isfinite(numbers.to_numpy(float)).all()
    assert (timings[["input_bits", "output_bits"]] > 0).all(axis=None)


def test_milliseconds_become_seconds(timings, any_data):
    raw = pd.read_csv(any_data / "dnn_profiles" / "neurosurgeon_layers" / "edge_conv_lat.csv.gz")
    ours = timings[(timings.machine == "edge") & (timings.kind == "conv")]
    assert ours.seconds.to_numpy() == pytest.approx(raw.latency.to_numpy() / 1e3)
    assert ours.name.iloc[[0, -1]].tolist() == ["conv, line 2", f"conv, line {len(raw) + 1}"]


@pytest.mark.parametrize("machine", ["edge", "cloud"])
def test_work_agrees_with_the_files_own_flops(timings, any_data, machine):
    """The authors counted 2 a MAC for convolutions, 2 a MAC less one an output for linear layers; rounded above 1e11."""
    folder = any_data / "dnn_profiles" / "neurosurgeon_layers"
    ours = timings[timings.machine == machine].set_index("kind")
    conv = pd.read_csv(folder / f"{machine}_conv_lat.csv.gz").FLOPs.to_numpy()
    assert 2 * ours.macs["conv"].to_numpy() == pytest.approx(conv, rel=5e-3)
    exact = conv < 1e11
    assert (2 * ours.macs["conv"].to_numpy() == conv)[exact].all()
    linear = pd.read_csv(folder / f"{machine}_linear_lat.csv.gz").FLOPs.to_numpy()
    assert (2 * ours.macs["linear"] - ours.out_channels["linear"]).to_numpy().tolist() == linear.tolist()


def test_shapes_agree_with_torch(timings):
    torch = pytest.importorskip("torch")
    nn = torch.nn
    makers = {
        "conv": lambda r: nn.Conv2d(r.in_channels, r.out_channels, r.kernel, r.stride, r.kernel // 2),
        "depthwise_conv": lambda r: nn.Conv2d(
            r.in_channels, r.out_channels, r.kernel, r.stride, r.kernel // 2, groups=r.groups
        ),
        "linear": lambda r: nn.Linear(r.in_channels, r.out_channels),
        "maxpool": lambda r: nn.MaxPool2d(r.kernel, r.stride),
        "avgpool": lambda r: nn.AdaptiveAvgPool2d(int((r.output_bits / 32 / r.out_channels) ** 0.5 + 0.5)),
        "batchnorm": lambda r: nn.BatchNorm2d(r.in_channels).eval(),
    }
    small = timings[timings.input_bits < 1e6]
    for kind, make in makers.items():
        rows = small[small.kind == kind]
        for row in rows.sample(min(12, len(rows)), random_state=0).itertuples():
            side = (row.input_size,) * (0 if kind == "linear" else 2)
            layer, image = make(row), torch.zeros(1, row.in_channels, *side)
            assert 32 * image.numel() == row.input_bits
            assert 32 * layer(image).numel() == row.output_bits
            assert sum(p.numel() for p in layer.parameters()) == row.parameters


def test_the_word_length_scales_the_sizes(timings, any_data):
    half = read_layer_timings(any_data / "dnn_profiles" / "neurosurgeon_layers", word_bits=16)
    assert (2 * half.input_bits == timings.input_bits).all()
    assert (half.macs == timings.macs).all()
    with pytest.raises(InvalidProblemError, match="word_bits"):
        read_layer_timings(any_data, word_bits=0)


# ---- Scission


def test_all_blocks_are_there(all_blocks):
    blocks = all_blocks
    assert len(blocks) == 2730
    assert blocks.groupby("machine").size().to_dict() == dict.fromkeys(blocks.machine.unique(), 546)
    assert blocks.machine.nunique() == 5
    assert blocks.model.nunique() == 18
    untimed = blocks[blocks.seconds == 0]
    # A clock too coarse for its short blocks, on this machine only.
    assert untimed.groupby("machine").size().to_dict() == {"edge-vm2Core": 130}


def test_outputs_are_tensors_of_floats_without_the_file_header(blocks):
    assert (blocks.output_bits % 32 == 0).all()


def test_outputs_of_vgg16_are_those_of_its_layers(all_blocks):
    vgg = all_blocks[(all_blocks.machine == TIERS[0]) & (all_blocks.model == "vgg16")]
    elements = (vgg.output_bits / 32).astype(int).tolist()
    assert elements[0] == 224 * 224 * 64
    assert elements[-4:] == [7 * 7 * 512, 4096, 4096, 1000]


def test_tiers_of_every_network_make_an_exit(blocks):
    for model in blocks.model.unique():
        exec_time, output_bits = scission_tiers(blocks, model)
        rows = blocks[(blocks.machine == "edge-2500") & (blocks.model == model)]
        assert exec_time.shape == (len(rows), 3)
        assert exec_time[:, 1].tolist() == rows.seconds.tolist()
        assert output_bits[1:].tolist() == rows.output_bits.tolist()
        assert Exit(1.0, exec_time, output_bits).tiers == 3


@pytest.mark.parametrize(
    ("model", "side"),
    [
        ("vgg16", 224),
        ("xception", 299),
        ("inception_v3", 299),
        ("inceptionresnet_v2", 299),
        ("nasnetlarge", 331),
        ("nasnetmobile", 224),
    ],
)
def test_the_raw_input_is_the_networks_own_image(all_blocks, model, side):
    assert scission_tiers(all_blocks, model)[1][0] == 32 * 3 * side**2
    assert scission_tiers(all_blocks, model, input_bits=8 * 150e3)[1][0] == 1.2e6


def test_any_machines_make_tiers(blocks):
    exec_time, _ = scission_tiers(blocks, "resnet50", ["device-raspi4", "cloud-6700k(GPU)"])
    assert exec_time.shape == (24, 2)
    gpu = blocks[(blocks.machine == "cloud-6700k(GPU)") & (blocks.model == "resnet50")]
    assert exec_time[:, 1].tolist() == gpu.seconds.tolist()


def test_a_time_by_hand(all_blocks):
    exec_time, _ = scission_tiers(all_blocks, "resnet50", ["device-raspi4", "cloud-6700k(GPU)"])
    assert exec_time[0, 1] == 0.0006528377532958984


def test_tiers_are_validated(blocks):
    with pytest.raises(InvalidOptionError, match="no model 'lenet'; there are .*vgg16"):
        scission_tiers(blocks, "lenet")
    with pytest.raises(InvalidOptionError, match="no machine 'phone'; there are cloud-6700k"):
        scission_tiers(blocks, "vgg16", ["phone"])
    with pytest.raises(InvalidOptionError, match="machines is empty"):
        scission_tiers(blocks, "vgg16", [])
    with pytest.raises(InvalidProblemError, match="input_bits is -1"):
        scission_tiers(blocks, "vgg16", input_bits=-1.0)
    cut = blocks[~((blocks.machine == "edge-2500") & (blocks.block == 3))]
    with pytest.raises(InvalidProblemError, match="vgg16 has other blocks on 'edge-2500'"):
        scission_tiers(cut, "vgg16")


def test_links_between_machines(any_data):
    folder = any_data / "dnn_profiles" / "scission" / "original_format"
    mobile, wired = (scission_network(folder / name) for name in ("network_stats.csv", "network_stats_wired.csv"))
    assert list(mobile.columns) == ["source", "destination", "ping", "rate"]
    assert mobile.iloc[0].tolist() == ["raspi4", "2500", pytest.approx(0.0667), 1.6e6]
    assert wired.iloc[0].tolist() == ["raspi4", "2500", 0.02, 20e6]
    assert len(mobile) == len(wired)


# ---- PORTEND


def test_all_portend_rows_are_there(all_portend):
    portend = all_portend
    assert [len(frame) for frame in (portend.latency, portend.serialisation, portend.exits, portend.partitionings)] == [
        11_647,
        967,
        1660,
        144,
    ]
    assert set(portend.latency.model) == set(portend.exits.model) == set(NETWORKS)


def test_latencies_are_ordered_seconds(portend):
    latency = portend.latency
    assert (latency.seconds_least <= latency.seconds).all()
    assert (latency.seconds <= latency.seconds_greatest).all()
    assert latency.repeats.isin([2, 3]).all()


def test_pickled_tensors_are_as_large_as_their_elements(portend):
    """Float32 for four bytes each, and a header of less than 2 kB."""
    table = portend.serialisation
    excess = table.pickled_bits / 8 - 4 * table.channels * table.input_size**2
    assert excess.between(0, 2000).all()
    assert table.dump_seconds.between(1e-5, 10).all()


def test_exit_shares_divide_by_the_count_at_threshold_one(portend):
    exits = portend.exits
    at_one, at_zero = exits[exits.threshold == 1], exits[exits.threshold == 0]
    assert (at_one.share == 1).all()
    last = at_zero.partition_end == at_zero.groupby("model").partition_end.transform("max")
    assert (at_zero.share == last).all()
    assert (at_zero.accuracy.isna() == ~last).all()
    assert exits.share.between(0, 1).all()
    assert exits.accuracy.dropna().between(0, 1).all()


def test_shares_grow_with_the_threshold(portend):
    keys = ["model", "split", "partition_start", "partition_end"]
    ordered = portend.exits.sort_values("threshold").groupby(keys).share
    assert ordered.apply(lambda share: share.is_monotonic_increasing).all()


def test_exits_by_hand(all_portend):
    assert all_portend.latency.seconds.iloc[0] == pytest.approx(0.01968072333)
    assert all_portend.partitionings.accuracy.iloc[0] == 18499 / 25000
    exits = all_portend.exits
    odd = exits[(exits.model == "EfficientNetB7") & (exits.partition_end == 7)]
    assert sorted(odd.samples.unique()) == [23267, 23281]
    exits = exits.set_index(["model", "split", "partition_end", "threshold"])
    assert exits.accuracy["ResNet20", "test", 10, 1.0] == 4413 / 5000
    assert exits.accuracy["ResNet20", "test", 1, 0.1] == 26 / 30
    assert exits.share["ResNet20", "test", 1, 0.1] == 30 / 5000


def test_partitionings_are_lists_of_branches(portend):
    whole = portend.partitionings
    assert whole.partitioning.iloc[0] == ((1, 4), (5, 8))
    assert whole.exited.iloc[1] == (671, 24329)
    assert all(sum(shares) == pytest.approx(1) for shares in whole.shares)


# ---- damaged files


LINES = "name,size,seconds\na,1,0.5\nb,2,0.25\n"
COLUMN_KINDS = {"name": "text", "size": "positive", "seconds": "amount"}


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_columns_are_read_plain_and_gzipped(tmp_path):
    plain = write(tmp_path / "a.csv", LINES)
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(LINES.encode()))
    frame = read_columns(plain, COLUMN_KINDS)
    assert frame.to_dict("list") == {"name": ["a", "b"], "size": [1, 2], "seconds": [0.5, 0.25]}
    assert frame.dtypes[["size", "seconds"]].tolist() == [np.int64, np.float64]
    pd.testing.assert_frame_equal(read_columns(packed, COLUMN_KINDS), frame)
    assert find(tmp_path, "a.csv") == plain
    assert find(tmp_path, "b.csv") == packed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "No columns to parse"),
        ("name,size,seconds\n", "no line after the header"),
        ("name,size\na,1\n", "line 1: no column 'seconds'; found name, size"),
        (LINES + "c,2,-1\n", "line 4: seconds is '-1'; expected a finite number >= 0"),
        (LINES + "c,2,inf\n", "line 4: seconds is 'inf'"),
        (LINES + "c,2,nan\n", "line 4: seconds is 'nan'"),
        (LINES + "c,2,fast\n", "line 4: seconds is 'fast'"),
        (LINES + "c,2\n", "line 4: seconds is ''"),
        (LINES + "c,0,1\n", "line 4: size is '0'; expected a whole number >= 1"),
        (LINES + "c,1.5,1\n", "line 4: size is '1.5'"),
        (LINES + ",1,1\n", "line 4: name is ''"),
        (LINES + "\nc,1,1\n", "line 4: name is"),
        (LINES + "c,1,1,1\n", "line 4, saw 4"),
        ("name,size,seconds\na,1,1,1\nb,1,1,1\n", "line 2: more fields than the 3 of the header"),
        (LINES + "c,1_0,1\n", "line 4: size is '1_0'"),
        (LINES + "c,True,1\n", "line 4: size is 'True'"),
        ("name,size,size,seconds\na,1,2,1\n", "line 1: column 'size' is there twice; drop or rename one"),
        ("name,size,seconds\n\0\0\0garbage", "line 2: "),
    ],
)
def test_damage_is_named_with_its_line(tmp_path, text, message):
    path = write(tmp_path / "table.csv", text)
    with pytest.raises(DataFormatError, match=message) as caught:
        read_columns(path, COLUMN_KINDS)
    assert str(path) in str(caught.value)


def test_damaged_and_missing_files(tmp_path):
    packed = gzip.compress(LINES.encode() * 100)
    (tmp_path / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "fake.csv.gz").write_text(LINES)
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\xfa\x80" * 50)
    for name, message in (
        ("cut.csv.gz", "damaged gzip"),
        ("fake.csv.gz", "damaged gzip"),
        ("binary.csv", "decode"),
        ("none.csv", "cannot be read"),
    ):
        with pytest.raises(DataFormatError, match=message):
            read_columns(tmp_path / name, COLUMN_KINDS)
    for reader in (read_layer_timings, read_portend):
        with pytest.raises(DataFormatError, match="no such file"):
            reader(tmp_path)


@given(st.lists(st.tuples(st.integers(1, 2**53), st.floats(0, 1e300)), min_size=1, max_size=20))
def test_numbers_survive(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("numbers") / "a.csv"
    write(path, "size,seconds\n" + "".join(f"{size},{seconds!r}\n" for size, seconds in rows))
    frame = read_columns(path, {"size": "positive", "seconds": "amount"})
    assert list(zip(frame["size"].tolist(), frame["seconds"].tolist(), strict=True)) == rows


SCISSION = "machine,model,block,first_layer,last_layer,seconds,output_bytes\n"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("m,vgg,0,0,1,0.5,128\n", "line 2: output_bytes is 128; expected the size of a .npy file"),
        ("m,vgg,0,0,1,0.5,256\nm,vgg,2,2,2,0.5,256\n", "line 3: block is 2 of vgg on m; expected 1"),
        ("m,vgg,0,0,1,0.5,256\nm,vgg,0,0,1,0.5,256\n", "line 3: block is 0 of vgg on m; expected 1"),
        ("m,vgg,0,0,1,-0.5,256\n", "line 2: seconds is '-0.5'"),
    ],
)
def test_damaged_scission_files(tmp_path, lines, message):
    with pytest.raises(DataFormatError, match=message):
        read_scission(write(tmp_path / "s.csv", SCISSION + lines))


def test_a_link_between_machines_is_there_once(tmp_path):
    path = write(tmp_path / "n.csv", "source,destination,ping(ms),bandwidth(mbps)\na,b,1,2\nb,a,1,2\na,b,9,9\n")
    with pytest.raises(DataFormatError, match="line 4: source a, destination b is in line 2 already; drop one of the"):
        scission_network(path)


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("edge_maxpool_lat.csv", "112,113,1,3,0.1", "line 2: kernel is 113; expected at most HW, 112"),
        ("edge_avgpool_lat.csv", "56,57,3,0.1", "line 2: output is 57; expected at most HW, 56"),
    ],
)
def test_a_pooling_larger_than_its_input_is_refused(tmp_path, small_data, name, line, message):
    shutil.copytree(small_data / "dnn_profiles/neurosurgeon_layers", tmp_path, dirs_exist_ok=True)
    packed = tmp_path / f"{name}.gz"
    header = gzip.decompress(packed.read_bytes()).decode().splitlines()[0]
    packed.write_bytes(gzip.compress(f"{header}\n{line}\n".encode()))
    with pytest.raises(DataFormatError, match=message):
        read_layer_timings(tmp_path)


PORTEND = {
    "partition_latency_ms.csv": (
        "machine,model,dataset,partition_start,partition_end,n_repeats,latency_ms_median,latency_ms_min,latency_ms_max",
        "m,n,d,1,2,3,2,1,3",
    ),
    "serialisation.csv": (
        "machine,num_channels,input_size,pickled_size,dump_latency,load_latency",
        "m,3,7,1445,0.1,0.2",
    ),
    "exit_rate_accuracy.csv": (
        "model,dataset,split,partition_start,partition_end,threshold,exited,exited_correct",
        "n,d,test,1,1,1.0,10,5",
    ),
    "exit_rate_accuracy_partitionings.csv": (
        "model,dataset,split,partitioning,threshold,exits_per_partition,correct_total",
        'n,d,test,"[[1, 1], [2, 2]]",0.5,"[4, 6]",5',
    ),
}


def portend_folder(folder: Path, name: str, line: str | None) -> Path:
    for file, (header, good) in PORTEND.items():
        write(folder / file, f"{header}\n{good}\n{line + chr(10) if file == name and line else ''}")
    return folder


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("partition_latency_ms.csv", "m,n,d,3,2,3,2,1,3", "line 3: partition_start exceeds partition_end"),
        ("partition_latency_ms.csv", "m,n,d,1,3,3,0.5,1,3", "line 3: the median latency"),
        ("partition_latency_ms.csv", "m,n,d,1,2,3,9,1,9", "line 3: machine m, model n, .* is in line 2 already"),
        ("serialisation.csv", "m,3,7,9,9,9", "line 3: machine m, num_channels 3, input_size 7 is in line 2 already"),
        ("exit_rate_accuracy.csv", "n,d,test,1,1,1,10,5", "line 3: model n, .*, threshold 1.0 is in line 2 already"),
        (
            "exit_rate_accuracy_partitionings.csv",
            'n,d,test,"[[1, 1], [2, 2]]",0.50,"[4, 6]",5',
            "line 3: model n, .*, threshold 0.5 is in line 2 already",
        ),
        ("serialisation.csv", "m,3,7,1445,-0.1,0.2", "line 3: dump_latency is '-0.1'"),
        ("exit_rate_accuracy.csv", "n,d,test,1,1,1.5,10,5", "line 3: threshold exceeds 1"),
        ("exit_rate_accuracy.csv", "n,d,test,1,1,0.5,5,6", "line 3: exited_correct exceeds exited"),
        ("exit_rate_accuracy.csv", "n,d,test,1,1,0.5,11,5", "line 3: exited exceeds the count at threshold 1"),
        ("exit_rate_accuracy.csv", "n,d,test,1,2,0.5,5,5", "line 3: its exit has no samples at threshold 1"),
        (
            "exit_rate_accuracy_partitionings.csv",
            'n,d,test,"[[1, 1], [3, 2]]",0.5,"[4, 6]",5',
            r"line 3: partitioning is '\[\[1, 1\], \[3, 2\]\]'",
        ),
        ("exit_rate_accuracy_partitionings.csv", 'n,d,test,"[[1, 1], [3, 4]]",0.5,"[4, 6]",5', "line 3: partitioning"),
        (
            "exit_rate_accuracy_partitionings.csv",
            'n,d,test,"[[1, 1]]",0.5,"[4, 6]",5',
            "line 3: a partition has no count",
        ),
        ("exit_rate_accuracy_partitionings.csv", 'n,d,test,"[[1, 1]]",0.5,"[-4]",5', "line 3: exits_per_partition"),
        (
            "exit_rate_accuracy_partitionings.csv",
            'n,d,test,"[[1, 1]]",0.5,"__import__(1)",5',
            "line 3: exits_per_partition",
        ),
        ("exit_rate_accuracy_partitionings.csv", 'n,d,test,"[[1, 1]]",0.5,"[4]",5', "line 3: correct_total exceeds"),
        ("exit_rate_accuracy_partitionings.csv", 'n,d,test,"[[1, 1]]",0.5,"[0]",0', "line 3: no sample"),
    ],
)
def test_damaged_portend_files(tmp_path, name, line, message):
    read_portend(portend_folder(tmp_path, name, None))
    with pytest.raises(DataFormatError, match=message) as caught:
        read_portend(portend_folder(tmp_path, name, line))
    assert name in str(caught.value)
