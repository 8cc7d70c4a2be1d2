"""Costs larger than memory: the same optimum from chunks, in bounded memory, and nothing that a stream may do wrong."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.solvers import selection_stream

COSTS = st.integers(-3, 3).map(float) | st.floats(-1e6, 1e6) | st.floats(-1e-300, 1e-300)
PAIRS = st.lists(st.tuples(COSTS, COSTS), min_size=1, max_size=30)


def check(found, problem: eo.OfflineOffloading) -> None:
    """Compare a stream's answer with ``selection`` on the same data in memory."""
    solution = eo.solve(problem, "selection")
    assert found.samples == problem.samples
    assert found.local == np.count_nonzero(solution.decision.local)
    assert found.local_fraction == found.local / found.samples
    assert found.multiplier == solution.certificate.multiplier
    assert found.objective == pytest.approx(solution.objective, rel=1e-12, abs=1e-12 * problem.magnitude(None))
    np.testing.assert_array_equal(np.concatenate(list(found.masks())), solution.decision.local)


@pytest.mark.parametrize("gather", [0, 1, 4, 4_000_000])
def test_any_chunks_give_the_answer_of_selection(gather, monkeypatch):
    monkeypatch.setattr(selection_stream, "_GATHER", gather)
    monkeypatch.setattr(selection_stream, "_BITS", 16)

    @settings(max_examples=60, deadline=None)
    @given(PAIRS, st.floats(0, 1), st.just(0.0) | COSTS, st.integers(1, 31))
    def law(costs, fraction, charge, chunk):
        local, remote = np.array(costs).T.copy()
        problem = eo.OfflineOffloading(local, remote, fraction, charge)
        check(eo.select_stream(local, remote, fraction, charge, chunk=chunk), problem)
        pairs = [(local[i : i + chunk], remote[i : i + chunk]) for i in range(0, local.size, chunk)]
        check(eo.select_stream(pairs, None, fraction, charge), problem)
        solution = eo.solve(problem, "selection-stream", chunk=chunk)
        assert solution.status == "optimal"
        np.testing.assert_array_equal(solution.decision.local, eo.solve(problem, "selection").decision.local)

    law()


def test_heavy_ties_need_three_passes_and_no_memory(monkeypatch):
    monkeypatch.setattr(selection_stream, "_GATHER", 10)
    monkeypatch.setattr(selection_stream, "_BITS", 22)
    rng = np.random.default_rng(0)
    local, remote = rng.choice([1.0, 2.0, 2.0 + 1e-12], 20_000), np.zeros(20_000)
    for fraction in (0.1, 0.3, 0.5, 0.9, 1.0):
        found = eo.select_stream(local, remote, fraction, chunk=10_000)
        assert found.passes == 3
        check(found, eo.OfflineOffloading(local, remote, fraction))


def test_passes_are_two_or_three_or_one():
    rng = np.random.default_rng(0)
    local, remote = rng.random(50_000), rng.random(50_000)
    assert eo.select_stream(local, remote, 0.7).passes == 2
    assert eo.select_stream(local, remote, 0.1).passes == 1  # the negative benefits are more than enough


def test_a_memory_map_is_read_from_its_file(tmp_path, monkeypatch):
    monkeypatch.setattr(selection_stream, "_BITS", 16)  # many small chunks deserve a small histogram
    rng = np.random.default_rng(1)
    maps = []
    for name in ("local", "remote"):
        values = np.memmap(tmp_path / name, np.float32, "w+", shape=10_000)
        values[:] = rng.random(10_000)
        maps.append(values)
    for kind in ("w+", "r", "r+", "c"):
        local, remote = maps if kind == "w+" else [np.memmap(m.filename, np.float32, kind) for m in maps]
        if kind == "c":
            local[:100] = -5.0  # in memory only
        problem = eo.OfflineOffloading(np.array(local), np.array(remote), 0.8, 0.1)
        check(eo.select_stream(local, remote, 0.8, 0.1, chunk=999), problem)
        check(
            eo.select_stream(local[::2], remote[1::2], 0.8, chunk=77),
            eo.OfflineOffloading(problem.local_cost[::2], problem.remote_cost[1::2], 0.8),
        )
    offset = np.memmap(maps[0].filename, np.float32, "r", offset=4 * 100)
    check(eo.select_stream(offset, offset[::-1], 0.5, chunk=64), eo.OfflineOffloading(offset, offset[::-1], 0.5))


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int16, np.uint8, ">f8", bool])
def test_other_types_count_as_their_own_numbers(dtype):
    rng = np.random.default_rng(2)
    local, remote = (rng.integers(0, 2, 500).astype(dtype) for _ in range(2))
    check(eo.select_stream(local, remote, 0.75, 0.3, chunk=100), eo.OfflineOffloading(local, remote, 0.75, 0.3))


def test_chunks_may_come_from_a_function_or_anything_that_can_be_read_again():
    local, remote = np.arange(6.0), np.full(6, 2.0)
    problem = eo.OfflineOffloading(local, remote, 0.9)

    def chunks():
        for start in (0, 1, 1, 3):  # an empty chunk is none
            yield local[start : start + 1 if start < 3 else 6], remote[start : start + 1 if start < 3 else 6]

    class Again:
        def __iter__(self):
            return iter([(local[:3], remote[:3]), (local[3:3], remote[3:3]), (local[3:], remote[3:])])

    check(eo.select_stream(Again(), None, 0.9), problem)
    found = eo.select_stream(chunks, None, 0.9)
    assert found.samples == sum(len(pair[0]) for pair in chunks())
    assert [mask.size for mask in found.masks()] == [1, 1, 1, 3]


def test_one_time_iterators_are_refused_however_they_come():
    pairs = [(np.ones(3), np.zeros(3)), (np.ones(2), np.zeros(2))]
    with pytest.raises(eo.InvalidProblemError, match="read only once; pass a function that returns a fresh one"):
        eo.select_stream(iter(pairs), None, 0.5)
    with pytest.raises(eo.InvalidProblemError, match="read only once"):
        eo.select_stream((pair for pair in pairs), None, 0.5)
    once = iter(pairs)
    with pytest.raises(eo.InvalidProblemError, match="gave 5 samples at first and 0 when it was read again"):
        eo.select_stream(lambda: once, None, 0.5)


@pytest.mark.parametrize(
    ("local", "remote", "options", "words"),
    [
        ([1.0, 2.0, 3.0, np.nan], [1.0] * 4, {}, r"local_cost\[3\] is nan; every cost must be finite"),
        ([1.0] * 4, [1.0, 2.0, -np.inf, 1.0], {}, r"remote_cost\[2\] is -inf"),
        ([1.0, 2.0], [1.0], {}, r"shapes \(2,\) and \(1,\); expected the same"),
        ([[1.0], [2.0]], [[1.0], [2.0]], {}, r"expected the same \(samples,\)"),
        (["a", "b"], ["a", "b"], {}, "expected real numbers"),
        ([], [], {}, "local_cost is empty"),
        ([], None, {}, "local_cost is empty"),
        ([1.0, 2.0], None, {}, "chunk at sample 0 is a float; expected a pair of arrays"),
        ([(1.0, 2.0, 3.0)], None, {}, "expected a pair of arrays"),
        ([([1.0], [2.0]), ([1.0], [2.0, 3.0])], None, {}, r"chunk at sample 1 has shapes \(1,\) and \(2,\)"),
        ([([1.0, 2.0], [2.0, 1.0]), ([np.inf], [3.0])], None, {}, r"local_cost\[2\] is inf"),
        ([1.0], [1.0], {"min_local_fraction": 1.1}, "min_local_fraction is 1.1"),
        ([1.0], [1.0], {"transmission_cost": np.nan}, "transmission_cost is nan"),
        ([1.0], [1.0], {"chunk": 0}, "chunk is 0; expected an integer of at least 1"),
        ([1.0], [1.0], {"chunk": 1.5}, "chunk is 1.5"),
        ([1e308] * 3, [-1e308] * 3, {}, "overflows float64; scale all costs down"),
        ([1e308] * 3, [1e308] * 3, {}, "overflows float64"),
    ],
)
def test_bad_streams_are_refused_with_their_place(local, remote, options, words):
    with pytest.raises(eo.InvalidProblemError, match=words):
        eo.select_stream(local, remote, **{"chunk": 2, **options})


def test_a_bad_chunk_size_is_a_bad_option():
    problem = eo.OfflineOffloading([1.0], [2.0])
    for size in (0, -1, 2.5, "all", True):
        with pytest.raises(eo.InvalidOptionError, match="chunk is"):
            eo.solve(problem, "selection-stream", chunk=size)


def test_the_source_arrays_stay_untouched():
    local, remote = np.arange(5.0), np.ones(5)
    before = local.tobytes(), remote.tobytes()
    list(eo.select_stream(local, remote, 0.5, chunk=2).masks())
    assert (local.tobytes(), remote.tobytes()) == before
    assert local.flags.writeable


SCRIPT = """
import re, sys
from pathlib import Path
import numpy as np
import edgeopt as eo
samples = 20_000_000
local, remote = (np.memmap(name, np.float32, "r", shape=samples) for name in sys.argv[1:3])
found = eo.select_stream(local, remote, 0.7)
kept = sum(int(np.count_nonzero(mask)) for mask in found.masks())
assert kept == found.local == 14_000_000 and found.passes <= 3
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is read from /proc, Linux only")
def test_memory_is_bounded(tmp_path):
    """At 2e7 samples (160 MB of costs) the peak must leave room for what grows at 2e8: nothing does."""
    rng = np.random.default_rng(0)
    for name in ("local", "remote"):
        with (tmp_path / name).open("wb") as file:
            for _ in range(20):
                file.write(rng.random(1_000_000, dtype=np.float32).tobytes())
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "local"), str(tmp_path / "remote")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 450.0
