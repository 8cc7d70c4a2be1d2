"""A small folder of data: the excerpts, and files with invented numbers in the formats that may not be shipped.

Laid out like the public data sets, so that readers, instances and studies run on it from end to end. What is invented
is drawn from fixed seeds; nothing about it is true but its format.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

EXCERPTS = Path(__file__).parent / "excerpts"


def make_data(folder: Path) -> Path:
    """Fill a folder with the excerpts and with files that are long enough for instances and studies."""
    shutil.copytree(EXCERPTS, folder, dirs_exist_ok=True)
    rng = np.random.default_rng(2013)
    for write in (_cells, _geant, _abilene, _c2tm, _flows, _links, _loads, _scission, _portend, _timings):
        write(folder, rng)
    return folder


def _lines(path: Path, header: str, rows: Iterable[Iterable[object]]) -> None:
    """Write a table, gzipped where its name says so."""
    text = header + "\n" + "".join(",".join(str(value) for value in row) + "\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), 1, mtime=0) if path.suffix == ".gz" else text.encode())


def _cells(folder: Path, rng: np.random.Generator) -> None:
    """Write 25 cells over a week (Milano's layout)."""
    from edgeopt.data.synthetic import traffic

    frame = traffic(cells=25, days=7, seed=1, start="2013-11-01")
    squares = [4142 + 100 * row + column for row in range(5) for column in range(5)]
    times = frame.index.tz_localize(None).strftime("%Y-%m-%d %H:%M:%S")
    rows = ((time, *(f"{value:.7f}" for value in row)) for time, row in zip(times, frame.to_numpy(), strict=True))
    header = ",".join(["time_local_CET", *map(str, squares)])
    _lines(folder / "milano/milano_internet_25cells_10min.csv.gz", header, rows)


def _waves(rng: np.random.Generator, steps: int, series: int, period: int) -> np.ndarray:
    """Positive series with a daily wave, of very different sizes."""
    size = rng.lognormal(8.0, 1.5, series)
    wave = 1.0 + 0.5 * np.sin(2 * np.pi * (np.arange(steps)[:, None] / period + rng.random(series)))
    return size * wave * rng.lognormal(0.0, 0.1, (steps, series))


def _geant(folder: Path, rng: np.random.Generator) -> None:
    """Write 400 matrices of 23 nodes (the archive of TOTEM's)."""
    path = folder / "geant/geant_totem_tm_15min.npz"
    with np.load(path) as archive:
        held = dict(archive)
    matrices = _waves(rng, 400, 23 * 23, 96).reshape(400, 23, 23).astype(np.float32)
    np.savez(path, **(held | {"tm_2005-01-02": matrices}))


def _abilene(folder: Path, rng: np.random.Generator) -> None:
    """Write 1,300 matrices of 12 nodes (CFR-RL's text)."""
    text = "".join(" ".join(f"{rate:.0f}" for rate in row) + "\n" for row in _waves(rng, 1300, 144, 288))
    (folder / "abilene/AbileneTM.txt.gz").write_bytes(gzip.compress(text.encode(), 1, mtime=0))


def _c2tm(folder: Path, rng: np.random.Generator) -> None:
    """Write 52 clusters over 80 hours, of which one is missing after the tenth, and roll-ups (C2TM)."""
    times = pd.date_range("2012-08-19", periods=80, freq="h", tz="Asia/Shanghai").delete(10)
    load = _waves(rng, 80, 54, 24)
    names = [f"rrh_{k}.0" for k in range(52)] + ["fog_0.0", "fog_1.0"]
    rows = [
        (name, time.strftime("%Y-%m-%d %H:%M:%S+08:00"), 10.0, 100.0, f"{load[k, i]:.1f}")
        for i, name in enumerate(names)
        for k, time in enumerate(times)
        if (i, k) != (3, 50)  # one cluster is silent for an hour
    ]
    _lines(folder / "c2tm/clustered_traffic_data.csv.gz", "bs,thour,users,packets,bytes", rows)


def _flows(folder: Path, rng: np.random.Generator) -> None:
    """Write 92 days of ten hosts and a few networks each (Kaggle's table); host 1 is silent at first."""
    days = pd.date_range("2006-07-01", periods=92).strftime("%Y-%m-%d")
    rows = [
        (day, host, network, int(rng.integers(1, 400)))
        for (k, day), host in product(enumerate(days), range(10))
        for network in (701, 3356)
        if (host, k) not in ((1, 0), (1, 1))
    ]
    path = folder / "kaggle_computer_network_traffic/cs448b_ipasn.csv"
    _lines(path, "date,l_ipn,r_asn,f", rows)


def _links(folder: Path, rng: np.random.Generator) -> None:
    """Write rates of five links by the second, with seconds without service (mahimahi's, averaged)."""
    names = (
        "ATT-LTE-driving.up",
        "Verizon-LTE-short.up",
        "Verizon-LTE-short.down",
        "TMobile-LTE-short.up",
        "TMobile-LTE-short.down",
    )
    rows = [
        (name, second, f"{0.0 if second % 37 == 36 else rng.lognormal(1.5, 0.6):.3f}")
        for name in names
        for second in range(141)
    ]
    _lines(folder / "wireless_traces/mahimahi/throughput_1s_mbps.csv.gz", "trace,second,mbps", rows)


def _loads(folder: Path, rng: np.random.Generator) -> None:
    """Write processor loads of 60 machines (PlanetLab's archive)."""
    path = folder / "cpu_traces/planetlab/planetlab_cpu_percent.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    load = np.clip(rng.gamma(2.0, 10.0, (60, 1)) + rng.normal(0, 5, (60, 288)), 0, 100)
    np.savez_compressed(path, u_20110303=load.astype(np.uint8))


SCISSION_MACHINES = ("cloud-6700k(GPU)", "cloud-6700k(NoGPU)", "edge-2500", "edge-vm2Core", "device-raspi4")
SCISSION_BLOCKS = {"vgg16": 22, "mobilenet": 12, "resnet50": 24}


def _scission(folder: Path, rng: np.random.Generator) -> None:
    """Write three networks on five machines, block by block, and the links between them (Scission)."""
    rows = []
    for (rank, machine), (model, blocks) in product(enumerate(SCISSION_MACHINES), SCISSION_BLOCKS.items()):
        sizes = 4 * (1000 * 2 ** np.linspace(9, 0, blocks)).astype(int) + 128
        seconds = rng.gamma(2.0, 1e-4 * 4.0**rank, blocks)
        rows += [(machine, model, k, k, k, repr(float(seconds[k])), sizes[k]) for k in range(blocks)]
    header = "machine,model,block,first_layer,last_layer,seconds,output_bytes"
    _lines(folder / "dnn_profiles/scission/scission_layers.csv", header, rows)
    for name, ping, rate in (("network_stats", 66.7, 1.6), ("network_stats_wired", 20, 20)):
        pairs = [("raspi4", "2500", f"            {ping}", f"  {rate}"), ("2500", "6700k", f"  {ping}", f"  {rate}")]
        path = folder / f"dnn_profiles/scission/original_format/{name}.csv"
        _lines(path, "source,destination,ping(ms),bandwidth(mbps)", pairs)


PORTEND_SETS = {
    "ResNet20": ("CIFAR10", 10),
    "ResNet110": ("CIFAR10", 55),
    "EfficientNetB0": ("ImageNet", 8),
    "EfficientNetB7": ("ImageNet", 8),
    "VGGish": ("AudioSet", 4),
}
THRESHOLDS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)


def _portend(folder: Path, rng: np.random.Generator) -> None:
    """Write five early-exit networks on three machines (PORTEND's four tables)."""
    at, latency, exits = folder / "dnn_profiles/portend", [], []
    for model, (data, branches) in PORTEND_SETS.items():
        for rank, machine in enumerate(("g4dn.xlarge", "m4.large", "a1.medium")):
            for k in range(1, branches + 1):
                median = float(rng.gamma(4.0, 3.0**rank))
                latency.append((machine, model, data, k, k, 3, median, 0.9 * median, 1.1 * median))
        for k in range(1, branches + 1):
            for threshold in THRESHOLDS:
                exited = 5000 if k == branches else round(5000 * threshold ** (1 + 3 * (branches - k) / branches))
                right = round(exited * (0.5 + 0.4 * k / branches))
                exits.append((model, data, "test", 1, k, threshold, exited, right))
    head = (
        "machine,model,dataset,partition_start,partition_end,n_repeats,latency_ms_median,latency_ms_min,latency_ms_max"
    )
    _lines(at / "partition_latency_ms.csv.gz", head, latency)
    head = "model,dataset,split,partition_start,partition_end,threshold,exited,exited_correct"
    _lines(at / "exit_rate_accuracy.csv", head, exits)
    tensors = [
        (machine, channels, side, 4 * channels * side**2 + 871, 0.1 + 1e-6 * channels * side**2, 0.2)
        for machine, channels, side in product(("g4dn.xlarge", "a1.medium"), (16, 64), (8, 32))
    ]
    head = "machine,num_channels,input_size,pickled_size,dump_latency,load_latency"
    _lines(at / "serialisation.csv", head, tensors)
    whole = [
        ("EfficientNetB0", "ImageNet", "test_exp", '"[[1, 4], [5, 8]]"', threshold, f'"[{out}, {25000 - out}]"', 18000)
        for threshold, out in ((0.0, 0), (0.2, 671), (0.5, 9000))
    ]
    head = "model,dataset,split,partitioning,threshold,exits_per_partition,correct_total"
    _lines(at / "exit_rate_accuracy_partitionings.csv", head, whole)


def _timings(folder: Path, rng: np.random.Generator) -> None:
    """Write single layers of six kinds on two machines (the Neurosurgeon reimplementation's twelve tables)."""
    sides, channels = (7, 14, 28, 56), (3, 16, 64)
    for machine, speed in (("edge", 1.0), ("cloud", 4.0)):

        def table(
            kind: str, header: str, rows: list[tuple[int, ...]], machine: str = machine, s: float = speed
        ) -> None:
            times = [(*row, f"{1e-3 + 1e-5 * np.prod(row[:3]) / s * rng.lognormal(0, 0.1):.6f}") for row in rows]
            _lines(folder / f"dnn_profiles/neurosurgeon_layers/{machine}_{kind}_lat.csv.gz", f"{header},latency", times)

        conv = [
            (side, kernel, stride, inside, out, 2 * ((side - 1) // stride + 1) ** 2 * out * inside * kernel**2)
            for side, kernel, stride, inside, out in product(sides, (1, 3), (1, 2), channels, channels)
        ]
        deep = [(side, 3, stride, inside, 0) for side, stride, inside in product(sides, (1, 2), channels)]
        line = [(a, b, (2 * a - 1) * b) for a, b in product((10, 100, 1000), (10, 160, 1000))]
        table("conv", "HW,kernel,stride,Cin,Cout,FLOPs", conv)
        table("dw_conv", "HW,kernel,stride,Cin,FLOPs", [(*row[:4], 1) for row in deep])
        table("linear", "in_features,out_features,FLOPs", line)
        table("maxpool", "HW,kernel,stride,Cin", [row[:4] for row in deep])
        table("avgpool", "HW,output,Cin", [(side, 7, inside) for side, inside in product(sides, channels)])
        table("batchnorm", "HW,Cin", [(side, inside) for side, inside in product(sides, channels)])
