"""What is saved is what is loaded; what is damaged, foreign or hostile is refused; a failure leaves the old pair."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

import edgeopt as eo
from edgeopt.algebra.decision import NamedDecision
from edgeopt.exchange import storage
from edgeopt.formulations.graph_split import CutFlow
from edgeopt.formulations.offloading import LocalFractionMultiplier, TooFewAvailable
from edgeopt.formulations.split import NodePotentials
from edgeopt.model.block_names import BlockNames
from edgeopt.model.program import IndexedNames
from edgeopt.model.records import Record
from edgeopt.verification.batch_certificate import BatchCertificate
from edgeopt.verification.infeasibility import CrossedBounds, EmptyBox, FarkasRay
from edgeopt.verification.linear_dual import LinearDual
from edgeopt.verification.solver_words import MixedIntegerBound, SolverClaim
from edgeopt.verification.unboundedness import PrimalRay

ABLE = np.array([True, True, False])
PROBLEM = eo.OfflineOffloading([3.0, 1.0, 2.0], [1.0, 1.5, 1.0], 0.6, -0.25, local_available=ABLE)
PROGRAM = eo.Program(
    [1.0, -2.0],
    [[1.0, 0.0], [0.5, -1e-300]],
    [-np.inf, 1.0],
    [1e300, np.inf],
    -np.inf,
    [1.0, np.inf],
    [True, False],
    "maximize",
    3.5,
    ["a b", "ü"],
    ["r", "s"],
    "two",
)
DUAL = LinearDual(np.array([0.5, -1.0]), np.array([1, 0], np.int8), np.array([2, 4], np.int8))
EXIT = eo.Exit(0.5, [[1.0, np.inf], [0.5, 0.1]], [1e6, 1e5, 10.0], ("conv", "fc"), 0.1)
RECORDS = [
    NamedDecision(
        {"held": np.array([True, False]), "x": np.array(0.5)}, {"held": ["models"], "x": []}, {"models": ["a", 1]}
    ),
    BlockNames(["x", "y"], [(2, 2), ()], [np.array([0, 3]), None]),
    PROBLEM,
    eo.OfflineOffloading(np.ones((4, 2)), np.ones((4, 2)), independent_sites=True),
    PROGRAM,
    eo.Program(np.zeros(0)),
    eo.Program(np.ones(3), sparse.csr_array((2, 3))),
    IndexedNames("x", 3),
    eo.OffloadingDecision(np.array([[True, False], [False, False]])),
    eo.Point([1.0, 5e-324, -1.7e308]),
    LocalFractionMultiplier(1.5),
    TooFewAvailable(3, 2),
    DUAL,
    LinearDual(np.zeros(0)),
    MixedIntegerBound(3.0, "highs", DUAL, -np.inf),
    FarkasRay(np.array([1.0, -1.0])),
    PrimalRay(np.array([1.0]), np.array([2.0])),
    CrossedBounds(True, 4),
    EmptyBox(),
    SolverClaim("infeasible", "cp-sat"),
    BatchCertificate((DUAL, None)),
    EXIT,
    eo.StochasticSplit([EXIT], [0.75, 0.25], [1e6, 2e6], link_delay=0.5, unmet_penalty=1.0),
    eo.SplitDecision(([0, 1], np.array([1], np.int8))),
    NodePotentials(np.array([[1.0, np.inf]])),
    eo.DemandSamples([0.5, 0.75]),
    eo.GraphSplit([[1.0, 2.0]], [(-1, 0)], 1.0, [0.5], 1e6, names=("fc",)),
    eo.GraphSplitDecision([0, 1]),
    CutFlow([1.0, 0.0]),
    eo.Solution(eo.Status.NO_SOLUTION, message="the time limit is 0", options={"time_limit": 0}),
    eo.Solution(
        eo.Status.OPTIMAL,
        1.5,
        1.0,
        np.float64(0.1),
        DUAL,
        0.25,
        0.5,
        "s",
        "1.0",
        {"x": [1, np.nan]},
        np.int64(3),
        "m",
        {"nodes": np.int64(7)},
        eo.Point([1.0]),
    ),
]


def same(a: object, b: object) -> bool:
    """Whether two records hold the same, types, shapes and bits included."""
    if isinstance(a, Record) and is_dataclass(a):
        names = [f.name for f in fields(a) if not (isinstance(a, eo.Solution) and f.name.startswith("problem"))]
        return type(a) is type(b) and all(same(getattr(a, n), getattr(b, n)) for n in names)
    if sparse.issparse(a):
        return a.shape == b.shape and same(a.toarray(), b.toarray())
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_every_record_survives(record, tmp_path):
    eo.save(record, tmp_path / "record.json")
    assert same(record, eo.load(tmp_path / "record.json"))


def test_every_kind_of_record_is_tried():
    kinds = (kind for kinds in storage._record_types().values() for kind in kinds)
    known = {kind.__name__ for kind in kinds if kind.__module__.startswith("edgeopt.")}
    tried = {type(record).__name__ for record in RECORDS}
    assert {"OfflineOffloading", "OffloadingDecision", "LocalFractionMultiplier", "TooFewAvailable"} <= tried & known


FLOATS = st.floats(-1e300, 1e300)
BOUNDS = st.floats(-1e9, 1e9) | st.sampled_from([np.inf, -np.inf])
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@st.composite
def programs(draw):
    rows, columns = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    array = lambda size, elements: draw(hnp.arrays(np.float64, size, elements=elements))  # noqa: E731
    return eo.Program(
        array(columns, FLOATS),
        array((rows, columns), FLOATS),
        array(rows, BOUNDS),
        array(rows, BOUNDS),
        array(columns, BOUNDS),
        array(columns, BOUNDS),
        draw(hnp.arrays(bool, columns)),
        draw(st.sampled_from(["minimize", "maximize"])),
        draw(FLOATS),
        draw(st.none() | st.lists(NAMES, min_size=columns, max_size=columns, unique=True)),
        draw(st.none() | st.lists(NAMES, min_size=rows, max_size=rows, unique=True)),
        draw(NAMES),
    )


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=programs())
def test_every_program_survives(program, tmp_path):
    eo.save(program, tmp_path / "program.json")
    assert same(program, eo.load(tmp_path / "program.json"))


def test_a_solution_verifies_after_a_round_trip(tmp_path):
    problem = eo.OfflineOffloading([3.0, 1.0, 2.0], [1.0, 1.5, 1.0], 0.6)
    solution = eo.solve(problem, "highs", relative_gap=1e-7, seed=4)
    eo.save(problem, tmp_path / "problem.json")
    eo.save(solution, tmp_path / "solution.json")
    again = eo.load(tmp_path / "solution.json")
    assert same(solution, again)
    assert again.problem is None
    assert eo.verify(eo.load(tmp_path / "problem.json"), again)
    assert again.problem_fingerprint == storage.fingerprint(problem)
    other = eo.OfflineOffloading([3.0, 1.0, 2.0], [1.0, 1.5, 1.0], 0.5)
    assert "of another problem" in eo.verify(other, again).message


def test_saving_is_deterministic_and_leaves_one_pair(tmp_path):
    for problem in (PROBLEM, PROGRAM, PROBLEM, PROBLEM):
        eo.save(problem, tmp_path / "p.json")
        assert len(list(tmp_path.iterdir())) == 2
    head = (tmp_path / "p.json").read_bytes()
    eo.save(PROBLEM, tmp_path / "p.json")
    assert (tmp_path / "p.json").read_bytes() == head
    eo.save(TooFewAvailable(3, 2), tmp_path / "p.json")
    assert [file.name for file in tmp_path.iterdir()] == ["p.json"]


def test_the_head_is_readable_and_names_its_arrays(tmp_path):
    eo.save(PROBLEM, tmp_path / "p.json")
    head = json.loads((tmp_path / "p.json").read_text())
    assert (head["edgeopt"], head["type"], head["min_local_fraction"]) == (1, "OfflineOffloading", 0.6)
    content = (tmp_path / head["arrays"]).read_bytes()
    assert head["sha256"] == hashlib.sha256(content).hexdigest()
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["local_cost"], PROBLEM.local_cost)


def write(path: Path, **head: object) -> Path:
    path.write_text(json.dumps({"edgeopt": 1, **head}))
    return path


def test_a_head_written_by_hand_may_hold_lists(tmp_path):
    path = write(
        tmp_path / "p.json",
        type="OfflineOffloading",
        local_cost=[3, 1, 2],
        remote_cost=[1, 1.5, 1],
        min_local_fraction=0.6,
    )
    assert eo.solve(eo.load(path)).objective == pytest.approx(4 / 3)
    path = write(
        tmp_path / "q.json",
        type="Program",
        cost=[1, 2],
        matrix=[[1, 1]],
        row_lower=[1],
        upper=[1, {"float": "inf"}],
        sense="maximize",
    )
    assert same(eo.load(path), eo.Program([1, 2], [[1, 1]], [1], upper=[1, np.inf], sense="maximize"))
    path = write(
        tmp_path / "s.json",
        type="Solution",
        status="optimal",
        objective=2.0,
        bound=2.0,
        found={"type": "Point", "values": [2.0]},
        certificate={"type": "LinearDual", "row_dual": [1]},
    )
    assert eo.verify(eo.Program([1.0], [[1.0]], [2.0]), eo.load(path))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "line 1: .*expected JSON"),
        ('{\n"edgeopt": 1,\n oops}', "line 3: .*expected JSON"),
        ("[]", "is no edgeopt file"),
        ('{"type": "Point"}', "is no edgeopt file"),
        ('{"edgeopt": 1}', "is no edgeopt file"),
        ('{"edgeopt": 2, "type": "Point"}', "has format 2; this edgeopt reads format 1"),
        ('{"edgeopt": 1, "type": "Oracle"}', "holds a 'Oracle'; known types: .*OfflineOffloading"),
        ('{"edgeopt": 1, "type": ["Point"]}', "known types"),
        ('{"edgeopt": 1, "type": "Point", "value": 1}', "Point has no field 'value'; its fields: values"),
        ('{"edgeopt": 1, "type": "Point"}', "Point cannot be built from these fields"),
        ('{"edgeopt": 1, "type": "Point", "values": {"array": "values"}}', "an array 'values' that its npz file lacks"),
        ('{"edgeopt": 1, "type": "Point", "values": {"array": [1]}}', "npz file lacks"),
        ('{"edgeopt": 1, "type": "Point", "values": {"colour": 1}}', "no edgeopt value"),
        ('{"edgeopt": 1, "type": "Point", "values": {"float": "1e5"}}', "no edgeopt value"),
        ('{"edgeopt": 1, "type": "Solution", "status": "superb"}', "status is 'superb'; expected one of optimal"),
        ('{"edgeopt": 1, "type": "Program", "cost": [1], "matrix": {"sparse": [1, 1]}}', "damaged sparse matrix"),
        (
            '{"edgeopt": 1, "type": "Program", "cost": [1], "matrix": {"sparse": 7, "data": [1], "indices": [0], '
            '"indptr": [0, 1]}}',
            "damaged sparse matrix",
        ),
        (
            '{"edgeopt": 1, "type": "Program", "cost": [1], "matrix": {"sparse": [1, 1], "data": [1.0], "indices": [9], '
            '"indptr": [0, 1]}}',
            "damaged sparse matrix",
        ),
        ('{"edgeopt": 1, "type": "Point", "arrays": "x.json.0.npz"}', "cannot be read: No such file"),
        ('{"edgeopt": 1, "type": "Point", "arrays": 5}', r"expected a file x\.json\.\*\.npz beside it"),
        ("\ud800", "is not JSON text"),
        ('{"edgeopt": 1, "type": "Point", "values": ' + "[" * 200_000 + "]" * 200_000 + "}", "is not JSON|nested too"),
    ],
)
def test_a_damaged_head_is_refused(content, words, tmp_path):
    (tmp_path / "x.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(eo.DataFormatError, match=words) as caught:
        eo.load(tmp_path / "x.json")
    assert str(tmp_path / "x") in str(caught.value)


def test_the_data_of_a_head_are_validated(tmp_path):
    path = write(tmp_path / "p.json", type="OfflineOffloading", local_cost=[1, {"float": "nan"}], remote_cost=[1, 1])
    with pytest.raises(eo.InvalidProblemError, match=r"local_cost\[1\] is nan"):
        eo.load(path)


@pytest.mark.parametrize(
    "name",
    [
        "../x.json.1.npz",
        "/etc/passwd",
        "x.npz/../../y",
        "y.1.npz",
        "x.1.json",
        "x./../z.npz",
        "x.json.\0.npz",
        "x.json.\\1.npz",
    ],
)
def test_arrays_are_looked_for_beside_the_head_only(name, tmp_path):
    path = write(tmp_path / "x.json", type="Point", arrays=name, values={"array": "values"})
    with pytest.raises(eo.DataFormatError, match="refers to arrays"):
        eo.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(eo.DataFormatError, match=r"nowhere\.json cannot be read: No such file"):
        eo.load(tmp_path / "nowhere.json")
    with pytest.raises(eo.DataFormatError, match="cannot be read"):
        eo.load(tmp_path)
    with pytest.raises(eo.DataFormatError, match="cannot be written"):
        eo.save(PROBLEM, tmp_path / "no such folder" / "p.json")


def arrays_of(path: Path) -> Path:
    return path.with_name(json.loads(path.read_text())["arrays"])


def forge(path: Path, content: bytes) -> None:
    """Replace the arrays of `path`, and its checksum with them."""
    arrays_of(path).write_bytes(content)
    head = json.loads(path.read_text())
    path.write_text(json.dumps({**head, "sha256": hashlib.sha256(content).hexdigest()}))


def test_damaged_arrays_are_refused(tmp_path):
    path = tmp_path / "p.json"
    eo.save(PROBLEM, path)
    content = arrays_of(path).read_bytes()
    for size in (0, 1, 30, len(content) // 2, len(content) - 1):
        arrays_of(path).write_bytes(content[:size])
        with pytest.raises(eo.DataFormatError, match="checksum differs"):
            eo.load(path)
        forge(path, content[:size])
        with pytest.raises(eo.DataFormatError, match="no npz archive"):
            eo.load(path)
        eo.save(PROBLEM, path)
    arrays_of(path).unlink()
    with pytest.raises(eo.DataFormatError, match=r"the arrays of .*p\.json, cannot be read"):
        eo.load(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_flipped_byte_never_passes_for_another_archive(tmp_path, at, byte):
    path = tmp_path / "p.json"
    eo.save(PROBLEM, path)
    content = bytearray(arrays_of(path).read_bytes())
    content[at % len(content)] = byte
    forge(path, bytes(content))
    try:
        assert isinstance(eo.load(path), eo.OfflineOffloading)  # a byte that carries nothing
    except eo.EdgeOptError:
        pass
    finally:
        path.unlink()
        for file in tmp_path.iterdir():
            file.unlink()


class Bomb:
    """What a pickle could do."""

    def __reduce__(self):
        return os.mkdir, ("exploded",)


def test_pickled_arrays_are_refused_unread(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "p.json"
    eo.save(PROBLEM, path)
    packed = io.BytesIO()
    np.savez(packed, local_cost=np.array([Bomb()], dtype=object), remote_cost=np.zeros(1))
    for content in (packed.getvalue(), pickle.dumps(Bomb())):
        forge(path, content)
        with pytest.raises(eo.DataFormatError, match="no npz archive of plain arrays"):
            eo.load(path)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_mutilated_head_raises_nothing_but_our_errors(tmp_path, data):
    junk = st.recursive(
        st.none() | st.booleans() | st.integers(-2, 3) | st.floats() | st.sampled_from(["", "inf", "Point", "values"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "array", "sparse", "float", "mapping", "data"]), inner, max_size=3
            )
        ),
        max_leaves=5,
    )
    head: dict[str, object] = {
        "edgeopt": 1,
        "type": "Solution",
        "status": "optimal",
        "objective": 2.0,
        "bound": 2.0,
        "gap": 0.0,
        "options": {"mapping": {}},
        "found": {"type": "Point", "values": [2.0]},
        "certificate": {"type": "LinearDual", "row_dual": [1]},
    }
    for name in data.draw(st.lists(st.sampled_from(sorted(head)), min_size=1, max_size=2)):
        head[name] = data.draw(junk)
    path = tmp_path / "s.json"
    path.write_text(json.dumps(head))
    try:
        solution = eo.load(path)
        if isinstance(solution, eo.Solution):
            eo.verify(eo.Program([1.0], [[1.0]], [2.0]), solution)
    except eo.EdgeOptError:
        pass


@pytest.mark.parametrize("fails", ["arrays", "head"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_between_the_writes_leaves_the_old_pair(fails, error, tmp_path, monkeypatch):
    path = tmp_path / "p.json"
    # The same bytes in another shape: a name made from the bytes alone would write over the old arrays.
    old = eo.OfflineOffloading(np.zeros((2, 3)), np.zeros(2))
    eo.save(old, path)
    before = sorted(tmp_path.iterdir())
    replaced = Path.replace

    def break_off(self, target):
        if (Path(target).suffix == ".npz") == (fails == "arrays"):
            raise error
        return replaced(self, target)

    monkeypatch.setattr(Path, "replace", break_off)
    for new in (eo.OfflineOffloading(np.zeros((3, 2)), np.zeros(3)), PROGRAM):
        with pytest.raises((eo.DataFormatError, KeyboardInterrupt)):
            eo.save(new, path)
    monkeypatch.undo()
    assert sorted(tmp_path.iterdir()) == before
    assert same(eo.load(path), old)


def test_a_saved_pair_may_be_loaded_while_it_is_replaced(tmp_path):
    path = tmp_path / "p.json"
    eo.save(PROBLEM, path)
    reader = json.loads(path.read_text())
    eo.save(replace(PROBLEM, min_local_fraction=0.1), path)
    # The arrays are the same, so who has read the old head still finds them.
    assert (tmp_path / reader["arrays"]).exists()


@dataclass(frozen=True)
class Odd(Record):
    """A record that holds what cannot be stored."""

    thing: object


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"a": 1}, "a dict cannot be saved"),
        (Record(), "a Record cannot be saved"),
        (Odd(object()), "thing is a object, which cannot be stored"),
        (eo.Solution(eo.Status.FAILED, statistics={"model": object()}), "statistics.model is a object"),
        (eo.Solution(eo.Status.FAILED, options={"model": np.array([object()])}), "cannot be stored"),
    ],
)
def test_what_cannot_be_stored_is_refused_before_anything_is_written(record, words, tmp_path):
    with pytest.raises(eo.DataFormatError, match=words):
        eo.save(record, tmp_path / "x.json")
    assert list(tmp_path.iterdir()) == []
