"""PORTEND: five early-exit networks with measured exit rates, accuracies and partition latencies on AWS machines.

ResNet20 and ResNet110 (CIFAR-10), EfficientNetB0 and B7 (ImageNet) and VGGish (AudioSet) are cut into partitions of
consecutive branches (PORTEND, ICPADS 2023). A threshold of 0 lets no sample out early, 1 lets every sample out; the
last branch lets all out at any. The shares are those of one early exit on its own: the samples that exit k lets go, had
no exit before it been there.

Caveats of the files: samples are not always the size of the data set (EfficientNetB7's seventh and some of ResNet110's
exits saw fewer), so shares divide by the count at threshold 1; a1.large repeats a1.medium's EfficientNetB7 and
serialisation, and a1.large_multicore/1core repeats a1.large: copied by their authors, not measured twice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import DataFormatError
from .dnn_profiles import Column, find, read_columns

if TYPE_CHECKING:
    import pandas as pd

NETWORKS = ("ResNet20", "ResNet110", "EfficientNetB0", "EfficientNetB7", "VGGish")

_PARTITION: dict[str, Column] = {"partition_start": "positive", "partition_end": "positive"}
_NETWORK: dict[str, Column] = {"model": "text", "dataset": "text"}


@dataclass(frozen=True, eq=False)
class Portend:
    """The four tables.

    Attributes
    ----------
    latency : DataFrame
        ``machine``, ``model``, ``dataset``, ``partition_start`` and ``partition_end`` (first and last branch),
        ``repeats``, ``seconds`` (median), ``seconds_least`` and ``seconds_greatest``.
    serialisation : DataFrame
        ``machine``, ``channels``, ``input_size`` (side of a square tensor), ``pickled_bits``, ``dump_seconds``,
        ``load_seconds``.
    exits : DataFrame
        ``model``, ``dataset``, ``split``, ``partition_start``, ``partition_end`` (the exit's branch), ``threshold``,
        ``exited``, ``exited_correct``, ``samples`` (exited at threshold 1), ``share`` of them that exited and
        ``accuracy`` of those (nan where none did). At threshold 1 that is the accuracy of the exit.
    partitionings : DataFrame
        Whole networks in several partitions: ``model``, ``dataset``, ``split``, ``partitioning`` (tuple of (first,
        last) branches), ``threshold``, ``exited`` and ``shares`` (tuples, one entry for each partition), ``correct``,
        ``samples`` and ``accuracy``.
    """

    latency: pd.DataFrame
    serialisation: pd.DataFrame
    exits: pd.DataFrame
    partitionings: pd.DataFrame


def read_portend(folder: str | Path) -> Portend:
    """Read all four tables.

    Parameters
    ----------
    folder : path
        With ``partition_latency_ms.csv``, ``serialisation.csv``, ``exit_rate_accuracy.csv`` and
        ``exit_rate_accuracy_partitionings.csv``, plain or gzipped.

    Raises
    ------
    DataFormatError
        If a file is missing or damaged, a field is not what it should be, or a measurement is there twice; names file,
        line and column.
    """
    return Portend(
        latency=_latency(find(folder, "partition_latency_ms.csv")),
        serialisation=_serialisation(find(folder, "serialisation.csv")),
        exits=_exits(find(folder, "exit_rate_accuracy.csv")),
        partitionings=_partitionings(find(folder, "exit_rate_accuracy_partitionings.csv")),
    )


def _latency(path: Path) -> pd.DataFrame:
    milliseconds = {
        "seconds": "latency_ms_median",
        "seconds_least": "latency_ms_min",
        "seconds_greatest": "latency_ms_max",
    }
    columns: dict[str, Column] = {"machine": "text", **_NETWORK, **_PARTITION, "n_repeats": "positive"}
    once = ["machine", *_NETWORK, *_PARTITION]
    frame = read_columns(path, {**columns, **dict.fromkeys(milliseconds.values(), "amount")}, once)
    _refuse(path, frame, frame["partition_start"] > frame["partition_end"], "partition_start exceeds partition_end")
    low, median, high = (frame[f"latency_ms_{name}"] for name in ("min", "median", "max"))
    _refuse(path, frame, (low > median) | (median > high), "the median latency is not between least and greatest")
    seconds = {ours: frame.pop(theirs) / 1e3 for ours, theirs in milliseconds.items()}
    return frame.rename(columns={"n_repeats": "repeats"}).assign(**seconds)


def _serialisation(path: Path) -> pd.DataFrame:
    frame = read_columns(
        path,
        {
            "machine": "text",
            "num_channels": "positive",
            "input_size": "positive",
            "pickled_size": "positive",
            "dump_latency": "amount",
            "load_latency": "amount",
        },
        once=["machine", "num_channels", "input_size"],
    )
    return frame.rename(columns={"num_channels": "channels"}).assign(
        pickled_bits=8.0 * frame.pop("pickled_size"),
        dump_seconds=frame.pop("dump_latency") / 1e3,
        load_seconds=frame.pop("load_latency") / 1e3,
    )[["machine", "channels", "input_size", "pickled_bits", "dump_seconds", "load_seconds"]]


def _exits(path: Path) -> pd.DataFrame:
    counts: dict[str, Column] = {"threshold": "amount", "exited": "count", "exited_correct": "count"}
    key = ["model", "dataset", "split", "partition_start", "partition_end"]
    frame = read_columns(path, {**_NETWORK, "split": "text", **_PARTITION, **counts}, once=[*key, "threshold"])
    _refuse(path, frame, frame["threshold"] > 1, "threshold exceeds 1")
    _refuse(path, frame, frame["exited_correct"] > frame["exited"], "exited_correct exceeds exited")
    whole = frame["exited"].where(frame["threshold"] == 1)
    samples = whole.groupby([frame[name] for name in key]).transform("max")
    _refuse(path, frame, ~(samples > 0), "its exit has no samples at threshold 1, so no share can be told")
    _refuse(path, frame, frame["exited"] > samples, "exited exceeds the count at threshold 1")
    return frame.assign(
        samples=samples.astype(np.int64),
        share=frame["exited"] / samples,
        accuracy=frame["exited_correct"] / frame["exited"].where(frame["exited"] > 0),
    )


def _partitionings(path: Path) -> pd.DataFrame:
    import pandas as pd

    columns: dict[str, Column] = {**_NETWORK, "split": "text", "partitioning": "text", "threshold": "amount"}
    frame = read_columns(path, {**columns, "exits_per_partition": "text", "correct_total": "count"}, once=list(columns))
    _refuse(path, frame, frame["threshold"] > 1, "threshold exceeds 1")
    partitions = [
        tuple(tuple(part) for part in _list(path, row, "partitioning", text, _is_partitioning))
        for row, text in enumerate(frame.pop("partitioning"))
    ]
    exited = [
        tuple(_list(path, row, "exits_per_partition", text, _are_counts))
        for row, text in enumerate(frame.pop("exits_per_partition"))
    ]
    frame = frame.rename(columns={"correct_total": "correct"})
    _refuse(
        path, frame, [len(a) != len(b) for a, b in zip(partitions, exited, strict=True)], "a partition has no count"
    )
    frame["samples"] = [sum(counts) for counts in exited]
    _refuse(path, frame, frame["samples"] == 0, "no sample at all")
    _refuse(path, frame, frame["correct"] > frame["samples"], "correct_total exceeds the samples")
    shares = [tuple(count / sum(counts) for count in counts) for counts in exited]
    lists = {"partitioning": partitions, "exited": exited, "shares": shares}
    objects = {name: pd.Series(values, index=frame.index, dtype=object) for name, values in lists.items()}
    return frame.assign(accuracy=frame["correct"] / frame["samples"], **objects)


def _list(path: Path, row: int, column: str, text: str, accepts: Any) -> list[Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list) or not value or not accepts(value):
        raise DataFormatError(f"{path}, line {row + 2}: {column} is {text!r}; expected a list such as [[1, 4], [5, 8]]")
    return value


def _is_partitioning(value: list[Any]) -> bool:
    pairs = all(isinstance(part, list) and len(part) == 2 and _are_counts(part) for part in value)
    ends = [0, *(part[1] for part in value)] if pairs else []
    return pairs and all(part[0] == end + 1 <= part[1] for part, end in zip(value, ends[:-1], strict=True))


def _are_counts(value: list[Any]) -> bool:
    return all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in value)


def _refuse(path: Path, frame: pd.DataFrame, bad: Any, why: str) -> None:
    """Name the first line that is `bad`."""
    wrong = np.asarray(bad)
    if wrong.any():
        row = int(np.argmax(wrong))
        fields = ", ".join(f"{name} {value}" for name, value in frame.iloc[row].items())
        raise DataFormatError(f"{path}, line {row + 2}: {why} ({fields})")
