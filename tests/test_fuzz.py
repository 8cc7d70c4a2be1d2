"""Damaged input: whatever is done to a valid file or a command line, edgeopt answers or says what is wrong.

Each target starts from a small valid file. Hypothesis draws edits (lines dropped, repeated, swapped, numbers replaced,
bytes inserted, files cut short), so that what fails shrinks to few of them. ``EDGEOPT_FUZZ`` sets how many cases there
are in all: 2,000 usually, 100,000 in ``make soak``.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt import cli
from edgeopt.bench.campaign import Campaign
from edgeopt.bench.results import read as read_results
from edgeopt.data import (
    abilene,
    c2tm,
    device_traces,
    jetson,
    kaggle_flows,
    layer_timings,
    milano,
    portend,
    scission,
    sndlib,
    totem,
)
from edgeopt.data.telecom_italia import KAGGLE

CASES = int(os.environ.get("EDGEOPT_FUZZ", "2000"))
SLOWEST = 20.0
"""Seconds of the processor, whatever else the machine does, after which one case counts as a hang."""

PAYLOADS = [
    b"nan",
    b"inf",
    b"-1",
    b"0",
    b"1e999",
    b"-1e308",
    b"99999999999",
    b"1e15",
    b"0.5",
    b"",
    b" ",
    b"\t",
    b"\n",
    b"\x00",
    b"\xff\xfe",
    "é".encode(),
    b'"',
    b"'",
    b",",
    b";",
    b"<",
    b">",
    b"]]>",
    b"&x;",
    b"{",
    b"}",
    b"[",
    b"null",
    b"true",
    b"9" * 400,
    b"x" * 2000,
    b'{"mapping": {}}',
    b'{"float": "nan"}',
    b"ENDATA\n",
    b"RANGES\n",
    b"subject to\n",
    b"\r",
]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["cut", "drop", "repeat", "swap", "number", "insert", "flip", "erase", "word"]),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(PAYLOADS),
    ),
    max_size=6,
)


def damaged(content: bytes, edits: list[tuple[str, float, bytes]]) -> bytes:
    """Apply edits to a file's content."""
    for kind, where, payload in edits:
        if kind in ("drop", "repeat", "swap"):
            content = relined(content, kind, where)
        elif kind in ("number", "word"):
            content = retold(content, rb"-?\d[\d.eE+-]*" if kind == "number" else rb"[A-Za-z_]+", where, payload)
        else:
            place = int(where * len(content))
            front, back = content[:place], content[place:]
            flipped = bytes([back[0] ^ 1 << len(payload) % 8]) + back[1:] if back else b""
            content = front + {"cut": b"", "insert": payload + back, "erase": back[7:], "flip": flipped}[kind]
    return content


def relined(content: bytes, kind: str, where: float) -> bytes:
    """Drop or repeat a line, or let it change places with the first."""
    lines = content.split(b"\n")
    line = int(where * len(lines))
    if kind == "swap":
        lines[line], lines[0] = lines[0], lines[line]
    else:
        lines[line : line + 1] = [] if kind == "drop" else [lines[line]] * 2
    return b"\n".join(lines)


def retold(content: bytes, pattern: bytes, where: float, payload: bytes) -> bytes:
    """Put something else in the place of one match."""
    found = list(re.finditer(pattern, content))
    if not found:
        return content
    match = found[int(where * len(found))]
    return content[: match.start()] + payload + content[match.end() :]


@dataclass(frozen=True)
class Target:
    """Something that reads files: the name it wants, a valid content, what reads it."""

    name: str
    file: str
    content: bytes
    read: Callable[[Path], object]


def head(path: Path, lines: int) -> bytes:
    """First lines of a text file, unpacked."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        return b"".join(islice(file, lines))


def records() -> Iterator[tuple[str, object]]:
    """Every kind of problem, and a solution."""
    for name in (
        "offloading/generated-tiny",
        "split/generated-tiny",
        "split/generated-trunk",
        "graph-split/generated-tiny",
        "revenue/generated-tiny",
        "slot/generated-tiny",
        "shared-slot/crowd-two",
        "program/knapsack-tiny",
    ):
        yield name, eo.instances.load(name).problem
    yield "solution", eo.solve(eo.instances.load("program/assignment-tiny"))


def targets(data: Path, folder: Path) -> Iterator[Target]:
    """All readers, each with a small valid file."""
    import json

    from edgeopt.exchange.storage import content as stored

    for name, record in records():
        fields, arrays = stored(record)

        def plain(value, arrays=arrays):
            if isinstance(value, dict) and "array" in value:
                return arrays[value["array"]].tolist()
            if isinstance(value, dict):
                return {key: plain(item) for key, item in value.items()}
            return [plain(item) for item in value] if isinstance(value, list) else value

        text = json.dumps({"edgeopt": 1, "arrays": None, **plain(fields)}, indent=1).encode()
        yield Target(f"load {name}", "x.json", text, eo.load)
        eo.save(record, folder / "x.json")
        if packed := list(folder.glob("x.json.*.npz")):
            head_text = (folder / "x.json").read_text()
            yield Target(f"load arrays of {name}", packed[0].name, packed[0].read_bytes(), with_head(head_text))
            packed[0].unlink()
    program = eo.instances.load("program/covering-tiny").problem
    for ending in ("mps", "lp", "mof.json"):
        program.write(folder / f"p.{ending}")
        yield Target(f"read .{ending}", f"p.{ending}", (folder / f"p.{ending}").read_bytes(), eo.Program.read)
    program.write(folder / "p.mps.gz")
    yield Target("read .mps.gz", "p.mps.gz", (folder / "p.mps.gz").read_bytes(), eo.Program.read)
    yield Target("read afiro", "afiro.mps", (data / "mps/afiro.mps").read_bytes(), eo.Program.read)
    yield Target("read bell5", "bell5.mps", head(data / "mps/bell5.mps", 10_000), eo.Program.read)
    campaign = Campaign(("slot/generated-tiny",), ("two-regime",))
    campaign.write(folder)
    yield Target(
        "campaign", "campaign.json", (folder / "campaign.json").read_bytes(), lambda p: Campaign.read(p.parent)
    )
    table = b"instance,verified,objective\nslot/generated-tiny,True,0.5\n"
    yield Target("results", "t.csv", table, read_results)
    yield from traffic(data)


def with_head(text: str) -> Callable[[Path], object]:
    """Read arrays through the head that refers to them; their checksum is mended, so that the content is what counts."""
    import hashlib

    def read(path: Path) -> object:
        mended = re.sub(r'"sha256": "[0-9a-f]+"', f'"sha256": "{hashlib.sha256(path.read_bytes()).hexdigest()}"', text)
        (path.parent / "x.json").write_text(mended)
        return eo.load(path.parent / "x.json")

    return read


def traffic(data: Path) -> Iterator[Target]:
    """Readers of traffic, topologies and profiles, each on the first lines of a file."""
    original = data / "milano/original_format/chunk_sample.txt"
    yield Target("milano original", "m.txt", head(original, 60), milano.read_original)
    hours = "".join(f"2013-11-01 {k:02}:00:00,{k % 3 + 1},39,,0.5,,,{k}.25\n" for k in range(24))
    yield Target("milano kaggle", "k.csv", f"{KAGGLE.header}\n{hours}".encode(), milano.read_kaggle)
    cells = data / "milano/milano_internet_25cells_10min.csv.gz"
    yield Target("milano cells", "m.csv", head(cells, 30), milano.read_25_cells)
    yield Target("c2tm", "c.csv", head(data / "c2tm/clustered_traffic_data.csv.gz", 40), c2tm.read_c2tm)
    flows = data / "kaggle_computer_network_traffic/cs448b_ipasn.csv"
    yield Target("kaggle", "k.csv", head(flows, 60), kaggle_flows.read_flows)
    yield Target("abilene topology", "a.txt", head(data / "abilene/Abilene_topology.txt", 200), abilene.read_topology)
    yield Target("abilene", "a.txt", head(data / "abilene/AbileneTM.txt.gz", 4), abilene.read_matrices)
    geant = data / "geant/original_format"
    yield Target("totem topology", "t.xml", (geant / "Geant-topology-anonymised.xml").read_bytes(), totem.read_topology)
    yield Target("totem table", "t.csv", head(data / "geant/geant_totem_tm_20050101-04.csv.gz", 30), totem.read_table)
    rates = "".join(f'<src id="{k}"><dst id="{k + 1}">{k}.5</dst></src>' for k in range(1, 4))
    matrix = f"<TrafficMatrixFile><info/><IntraTM>{rates}</IntraTM></TrafficMatrixFile>"
    yield Target("totem matrices", "IntraTM-2005-01-01-00-30.xml", matrix.encode(), totem.read_matrices)
    packets = "".join(f"{k * 7}\n" for k in range(60)).encode()
    yield Target("packet opportunities", "link.up", packets, device_traces.read_packet_opportunities)
    yield Target("loads", "load", b"20\n0\n100\n" * 5, device_traces.read_free_shares)
    for kind in ("native", "xml"):
        for file in sorted((data / "sndlib" / kind).rglob("*.*"))[:1]:
            content = file.read_bytes()
            yield Target(f"sndlib topology {kind}", file.name, content, sndlib.read_topology)
            yield Target(f"sndlib demands {kind}", file.name, content, sndlib.read_demands)
    profiles = data / "dnn_profiles"
    jetson_file = profiles / "jetson_mobilenet_v2/average_power_and_run_time.csv"
    yield Target("jetson", "j.csv", head(jetson_file, 40), jetson.read_jetson)
    for collection, read in (("scission", scission.read_scission),):
        yield Target(collection, "s.csv", head(profiles / collection / "scission_layers.csv", 40), read)
    yield from folders(profiles)


def folders(profiles: Path) -> Iterator[Target]:
    """Readers of folders: one of their files is damaged."""
    timings = profiles / "neurosurgeon_layers"

    def beside(source: Path, name: str, read: Callable[[Path], object]) -> Callable[[Path], object]:
        def through(path: Path) -> object:
            for other in source.iterdir():
                if other.is_file() and other.name != name and not (path.parent / other.name).exists():
                    (path.parent / other.name).symlink_to(other)
            return read(path.parent)

        return through

    name = "edge_maxpool_lat.csv.gz"
    yield Target(
        "layer timings",
        name,
        gzip.compress(head(timings / name, 30), mtime=0),
        beside(timings, name, layer_timings.read_layer_timings),
    )
    name = "serialisation.csv"
    source = profiles / "portend"
    yield Target("portend", name, head(source / name, 40), beside(source, name, portend.read_portend))


@pytest.fixture(scope="module")
def listed(small_data, tmp_path_factory):
    return list(targets(small_data, tmp_path_factory.mktemp("valid")))


FILE_TARGETS = 46


def expect_sound(found: object) -> None:
    """A frame that a reader returns holds something, and each interval of its grid."""
    import pandas as pd

    if isinstance(found, pd.DataFrame | pd.Series):
        assert found.size
        if isinstance(found.index, pd.DatetimeIndex | pd.TimedeltaIndex):
            assert not found.index.isna().any()
            assert found.index.is_monotonic_increasing
            assert len(set(np.diff(found.index.asi8))) <= 1


def test_the_list_of_targets_is_whole(listed):
    assert len(listed) == FILE_TARGETS
    for target in listed:
        assert target.content, target.name


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("place", range(FILE_TARGETS))
def test_a_damaged_file_is_read_or_refused(place, listed, tmp_path_factory):
    target = listed[place]
    folder = tmp_path_factory.mktemp("damaged")

    @settings(
        max_examples=max(1, CASES * 3 // 4 // FILE_TARGETS), deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(edits=EDITS)
    def one(edits):
        path = folder / target.file
        path.write_bytes(damaged(target.content, edits))
        begun = time.process_time()
        with warnings.catch_warnings(), contextlib.suppress(eo.EdgeOptError):
            warnings.simplefilter("ignore")
            expect_sound(target.read(path))
        assert time.process_time() - begun < SLOWEST

    one()


WORDS = [
    "solvers",
    "solve",
    "compare",
    "verify",
    "profile",
    "reproduce",
    "data",
    "bench",
    "list",
    "fetch",
    "show",
    "report",
    "instances",
    "--json",
    "--solver",
    "--solvers",
    "--time-limit",
    "--seed",
    "--out",
    "--option",
    "--isolate",
    "--exact",
    "--units",
    "--input",
    "--version",
    "--help",
    "--debug",
    "highs",
    "selection",
    "random",
    "nonsense",
    "auto",
    "-1",
    "0",
    "1",
    "nan",
    "1e999",
    "x=1",
    "=",
    "",
    "é",
    "\x00",
    "p.json",
    "s.json",
    "p.mps",
    "missing.json",
    "d.json",
    "[",
    "offloading/generated-tiny",
    "offloading/generated[samples=3",
    "offloading/generated[samples=3]",
    "split/*",
    "../..",
]
HEAVY = ("reproduce", "fetch", "run", "profile")
"""What takes minutes or a network where it is right; each has tests of its own."""


@contextlib.contextmanager
def within(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def call(words: list[str]) -> tuple[int, str]:
    """Exit code and standard error of a command line, run in this process."""
    out, err = io.StringIO(), io.StringIO()
    before = sys.argv
    sys.argv = ["edgeopt", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
    except SystemExit as ended:
        return int(ended.code or 0), err.getvalue()
    finally:
        sys.argv = before
    return 0, err.getvalue()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with a problem, its solution and a model file."""
    folder = tmp_path_factory.mktemp("cli")
    problem = eo.OfflineOffloading([3.0, 1.0, 2.0], [1.0, 1.5, 1.0], min_local_fraction=0.6)
    eo.save(problem, folder / "p.json")
    eo.save(eo.solve(problem), folder / "s.json")
    problem.program().write(folder / "p.mps")
    return folder


@pytest.mark.timeout(3600)
def test_a_strange_command_line_ends_with_a_known_code(workplace):
    @settings(max_examples=max(1, CASES // 20), deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=6))
    def one(words):
        if any(word in HEAVY for word in words):
            return
        with within(workplace):
            code, err = call([word for word in words if word != "--debug"])
        assert code in (0, 1, 2), words
        assert "Traceback" not in err, words

    one()


@pytest.mark.timeout(3600)
def test_a_damaged_problem_leaves_no_half_written_solution(workplace):
    content = (workplace / "p.json").read_bytes()

    @settings(max_examples=max(1, CASES // 20), deadline=None, suppress_health_check=list(HealthCheck))
    @given(EDITS, st.sampled_from(["solve", "compare", "verify"]))
    def one(edits, command):
        (workplace / "d.json").write_bytes(damaged(content, edits))
        (workplace / "o.json").unlink(missing_ok=True)
        with within(workplace):
            tail = {"solve": ["--out", "o.json"], "compare": ["--solvers", "selection"], "verify": ["s.json"]}[command]
            code, err = call([command, "d.json", *tail])
        assert code in (0, 1, 2)
        assert "Traceback" not in err
        if (workplace / "o.json").exists():
            eo.load(workplace / "o.json")
        assert not list(workplace.glob(".*"))

    one()


@settings(max_examples=max(1, CASES // 20), deadline=None)
@given(st.text(alphabet="abc/-[]=,. 0é\x00", max_size=30) | st.sampled_from(["split/", "offloading/generated["]))
def test_a_strange_name_is_no_instance(name):
    loaded = None
    with contextlib.suppress(eo.EdgeOptError):
        loaded = eo.instances.load(name)
    assert loaded is None or loaded.name == name


def test_edits_change_something():
    rng = np.random.default_rng(0)
    content = b"a 1 2\nb 3 4\nc 5 6\n"
    kinds = ["cut", "drop", "repeat", "swap", "number", "insert", "flip", "erase", "word"]
    assert all(damaged(content, [(kind, rng.uniform(0.3, 0.6), b"nan")]) != content for kind in kinds)
