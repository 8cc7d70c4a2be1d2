"""Parts as files: equal to the part, whole or refused, and nothing in a file is run while it is read."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import textwrap
import zipfile

import made_networks
import numpy as np
import pytest
import torch
from torch import nn

import edgeopt as eo
from edgeopt.profiles.capture import capture
from edgeopt.profiles.capture.ports import EntryCheck, Port, size_of
from edgeopt.profiles.deployment.files import load_part, save_part
from edgeopt.profiles.dnn import LayerTable
from edgeopt.profiles.partition import Part, run_parts, split_module

STATEFUL = ("buffer_in_eval", "noise")


def parts_of(name: str, cut: float = 0.5) -> tuple[tuple[Part, ...], dict[str, torch.Tensor], list[torch.Tensor]]:
    """Return two parts of a network of the tests, its inputs by name and its results."""
    build, args, kwargs, _ = made_networks.NETWORKS[name]
    torch.manual_seed(0)
    captured = capture(build().eval(), args, kwargs)
    table = LayerTable.of(captured)
    count = max(1, round(cut * len(table.layers)))
    parts = split_module(captured, eo.GraphSplitDecision((np.arange(len(table.layers)) >= count).astype(int)))
    given = dict(zip((node.name for node in captured.graph.inputs), captured.call.tensors, strict=True))
    with torch.no_grad():
        return parts, given, captured.graph.program.run(captured.call.fresh().tensors)


FAST = ("unet", "lstm", "tokens")
NETWORKS = [
    pytest.param(name, marks=[] if name in FAST else pytest.mark.slow)
    for name in made_networks.NETWORKS
    if name not in STATEFUL
]


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_loaded_is_what_was_saved(name, tmp_path):
    parts, given, expected = parts_of(name)
    loaded = []
    for index, part in enumerate(parts):
        part.save(tmp_path / f"{index}.pt2")
        loaded.append(load_part(tmp_path / f"{index}.pt2"))
        assert (loaded[-1].inputs, loaded[-1].outputs) == (part.inputs, part.outputs)
        assert (loaded[-1].tier, loaded[-1].units) == (part.tier, part.units)
    with torch.no_grad():
        for ours, theirs in zip(run_parts(loaded, given), expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6, equal_nan=True)


BATCHED = ["unet", "multihead", "attention", "alias", "lstm", "cells", "frame", "tokens"]


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n == "unet" else pytest.mark.slow) for n in BATCHED])
def test_saved_parts_take_other_batches(name, batch, tmp_path):
    build, args, _, _ = made_networks.NETWORKS[name]
    model = build().eval()
    captured = capture(model, args)
    layers = len(LayerTable.of(captured).layers)
    parts = split_module(captured, eo.GraphSplitDecision((np.arange(layers) >= layers / 2).astype(int)))
    inputs = [tensor[:1].repeat(batch, *[1] * (tensor.ndim - 1)) for tensor in captured.call.tensors]
    values = dict(zip((node.name for node in captured.graph.inputs), inputs, strict=True))
    for index, part in enumerate(parts):
        save_part(part, tmp_path / f"{index}.pt2")
    loaded = [load_part(tmp_path / f"{index}.pt2") for index in range(len(parts))]
    with torch.no_grad():
        result = model(*inputs)
        (first, *_) = run_parts(loaded, values)
    torch.testing.assert_close(first, result[0] if isinstance(result, tuple) else result, rtol=1e-5, atol=1e-6)


class AnyCall(nn.Module):
    """Keyword-only tensors in a dict, a mode, a buffer; results in a dict, a tuple and a number among them."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.norm = nn.Linear(8, 8), nn.Linear(8, 4), nn.BatchNorm1d(8)
        self.register_buffer("scale", torch.full((8,), 2.0))

    def forward(self, *, batch, mask=None, gain=1.0):
        y = self.norm(self.a(batch["x"]) * self.scale) + batch["t"].float().unsqueeze(-1)
        y = y if mask is None else y.masked_fill(mask, 0)
        return {"logits": self.b(y) * gain, "extra": (y.max(1), None, y.shape[0])}


@pytest.mark.parametrize("cut", [5, *(pytest.param(cut, marks=pytest.mark.slow) for cut in (1, 2, 3, 4, 6, 7, 8, 9))])
def test_parts_of_any_call_are_saved(cut, tmp_path):
    torch.manual_seed(0)
    model = AnyCall().eval()
    given = {"batch": {"x": torch.randn(1, 8), "t": torch.zeros(1, dtype=torch.uint8)}, "mask": torch.rand(1, 8) > 0.5}
    captured = capture(model, None, given | {"gain": 0.5})
    layers = len(LayerTable.of(captured).layers)
    parts = split_module(captured, eo.GraphSplitDecision((np.arange(layers) >= cut).astype(int)))
    for index, part in enumerate(parts):
        part.save(tmp_path / f"{index}.pt2")
    loaded = [load_part(tmp_path / f"{index}.pt2") for index in range(len(parts))]
    for size in (1, 3):
        x, t, mask = torch.randn(8, size).t(), torch.arange(size, dtype=torch.uint8), torch.rand(size, 8) > 0.5
        with torch.no_grad():
            logits, largest, places = run_parts(loaded, {"batch_x": x, "batch_t": t, "mask": mask})
            expected = model(batch={"x": x, "t": t}, mask=mask, gain=0.5)
        torch.testing.assert_close(logits, expected["logits"], rtol=0, atol=1e-6)
        torch.testing.assert_close(largest, expected["extra"][0].values, rtol=0, atol=1e-6)
        assert torch.equal(places, expected["extra"][0].indices)


class Recurrent(nn.Module):
    """An LSTM whose state comes from outside: a state of another batch ends the process, if it is let through."""

    def __init__(self) -> None:
        super().__init__()
        self.r, self.head = nn.LSTM(8, 6, batch_first=True), nn.Linear(6, 2)

    def forward(self, x, h, c):
        y, _ = self.r(x, (h, c))
        return self.head(y).relu()


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory):
    dynamic = {"x": (0,), "h": (1,), "c": (1,)}
    captured = capture(Recurrent().eval(), (torch.randn(3, 4, 8), *torch.randn(2, 1, 3, 6)), dynamic=dynamic)
    path = tmp_path_factory.mktemp("parts") / "recurrent.pt2"
    parts = split_module(captured, eo.GraphSplitDecision([0, 0, 1]))
    parts[0].save(path)
    return path, parts[0]


WRONG = {
    "state of another batch": (lambda x, h, c: (x, h[:, :2].contiguous(), c), r"h has shape \(1, 2, 6\)"),
    "wrong dtype": (lambda x, h, c: (x.double(), h, c), "x is torch.float64; the part takes torch.float32"),
    "wrong rank": (lambda x, h, c: (x[0], h, c), r"x has shape \(4, 8\)"),
    "wrong features": (lambda x, h, c: (x[:, :, :7], h, c), r"x has shape \(3, 4, 7\)"),
    "no tensor": (lambda x, h, c: (x.tolist(), h, c), "x is list"),
    "too few": (lambda x, h, c: (x, h), "takes 3 inputs; it was given 2"),
}


@pytest.mark.parametrize(("wrong", "said"), WRONG.values(), ids=WRONG)
def test_inputs_are_checked_before_a_part_runs(recurrent, wrong, said):
    path, part = recurrent
    given = (torch.randn(3, 4, 8), *torch.randn(2, 1, 3, 6))
    for module in (part.module, load_part(path).module):
        with pytest.raises(eo.InvalidProblemError, match=said):
            module(*wrong(*given))
    with pytest.raises(Exception, match="(?i)expected|guard|dtype|tree spec"):  # torch alone checks too
        torch.export.load(path).module()(*wrong(*given))
    other = torch.randn(8, 4, 5).permute(2, 1, 0), *torch.randn(2, 1, 5, 6)  # not contiguous, other sizes
    with torch.no_grad():
        torch.testing.assert_close(load_part(path).module(*other), part.module(*other))


@pytest.mark.parametrize(
    ("shapes", "fits"),
    [(((6, 4), (3, 1)), True), (((2, 4), (1, 1)), True), (((6, 4), (2, 1)), False), (((6, 4), (3, 2)), False)],
)
def test_a_size_that_follows_from_others_is_checked(shapes, fits):
    sides = (("2*s0", "s1 + 3"), ("s0", "s1"))
    ports = tuple(Port(f"x{k}", (2, 4), torch.float32, 256, of) for k, of in enumerate(sides))
    given = tuple(torch.zeros(shape) for shape in shapes)
    if fits:
        EntryCheck(ports)(nn.Identity(), given)
        return
    with pytest.raises(eo.InvalidProblemError, match=r"x0 has shape \(6, 4\); the part takes \(2\*s0, s1 \+ 3\)"):
        EntryCheck(ports)(nn.Identity(), given)


@pytest.mark.parametrize("text", ["a.b", "f(2)", "2**9", "x[0]", "(", "s0/2", "'s'"])
def test_what_is_no_size_has_no_value(text):
    assert size_of(text, {"s0": 4, "a": 1}) is None


def test_images_in_a_list_are_no_batch():
    build, args, kwargs, _ = made_networks.NETWORKS["detector"]
    captured = capture(build().eval(), args, kwargs)
    part = split_module(captured, eo.GraphSplitDecision([0] * len(LayerTable.of(captured).layers)))[0]
    assert all(isinstance(size, int) for size in part.inputs[0].sides)
    with pytest.raises(eo.InvalidProblemError, match="the part takes"):
        part.module(*(torch.zeros(port.shape[0] + 1, *port.shape[1:]) for port in part.inputs))


@pytest.mark.slow
def test_a_part_runs_without_edgeopt_and_without_the_models_source(tmp_path):
    parts, given, expected = parts_of("unet")
    torch.save(list(given.values()), tmp_path / "inputs.pt")
    for index, part in enumerate(parts):
        part.save(tmp_path / f"{index}.pt2")
    script = """
        import json, sys
        sys.modules["edgeopt"] = None
        import torch
        values = torch.load("inputs.pt", weights_only=True)
        for index in range(2):
            extra = {"edgeopt.json": ""}
            module = torch.export.load(f"{index}.pt2", extra_files=extra).module()
            ports = json.loads(extra["edgeopt.json"])
            assert len(ports["inputs"]) == len(values), ports
            values = module(*values)
            values = values if isinstance(values, tuple) else (values,)
        torch.save(values[0].detach(), "result.pt")
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    torch.testing.assert_close(torch.load(tmp_path / "result.pt", weights_only=True), expected[0], rtol=0, atol=1e-6)


def test_a_state_is_saved_as_it_is_now(tmp_path):
    build, args, _, _ = made_networks.NETWORKS["buffer_in_eval"]
    model = build().eval()
    captured = capture(model, args)
    layers = len(LayerTable.of(captured).layers)
    (part,) = split_module(captured, eo.GraphSplitDecision([0] * layers))
    part.save(tmp_path / "part.pt2")
    loaded = load_part(tmp_path / "part.pt2")
    with torch.no_grad():
        for _ in range(3):
            torch.testing.assert_close(loaded.module(*args), model(*args))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    parts, _, _ = parts_of("unet")
    path = tmp_path_factory.mktemp("parts") / "part.pt2"
    parts[0].save(path)
    return path


def rewritten(path, to, change):
    """Write a file again with its records changed: ``change`` takes a name and bytes, and returns bytes."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name.partition("/")[2], old.read(name)))
    return to


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (self.path,))


def graph_with(change):
    def changed(name, content):
        if name != "models/model.json":
            return content
        graph = json.loads(content)
        change(graph)
        return json.dumps(graph).encode()

    return changed


def test_a_damaged_file_is_refused(saved, tmp_path):
    whole = saved.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 30):
        (tmp_path / "cut.pt2").write_bytes(whole[:length])
        with pytest.raises(eo.DataFormatError, match=r"cut\.pt2"):
            load_part(tmp_path / "cut.pt2")
    place = whole.index(b'"graph_module"')
    (tmp_path / "flipped.pt2").write_bytes(whole[:place] + b"x" + whole[place + 1 :])
    with pytest.raises(eo.DataFormatError, match="damaged"):
        load_part(tmp_path / "flipped.pt2")
    with pytest.raises(eo.DataFormatError, match=r"absent\.pt2"):
        load_part(tmp_path / "absent.pt2")
    torch.save({"weight": torch.ones(3)}, tmp_path / "weights.pt2")
    with pytest.raises(eo.DataFormatError, match="which no part has"):
        load_part(tmp_path / "weights.pt2")


def test_a_file_of_another_torch_is_refused(saved, tmp_path):
    newer = graph_with(lambda graph: graph.update(schema_version={"major": 99, "minor": 0}, torch_version="9.9.0"))
    with pytest.raises(eo.DataFormatError, match=r"torch .* cannot read .*, which torch 9\.9\.0 wrote"):
        load_part(rewritten(saved, tmp_path / "newer.pt2", newer))


def test_a_file_of_another_edgeopt_is_refused(saved, tmp_path):
    def newer(name, content):
        return content.replace(b'"format": 1', b'"format": 2') if name == "extra/edgeopt.json" else content

    with pytest.raises(eo.DataFormatError, match="format 2; this edgeopt reads 1"):
        load_part(rewritten(saved, tmp_path / "newer.pt2", newer))


FIRED = "fired"
EVALUATED = f"__import__('pathlib').Path({FIRED!r}).touch()"


def pickled(value):
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def in_inputs(name, content):
    return pickled(((Bomb(FIRED),), {})) if name == "data/sample_inputs/model.pt" else content


def in_a_weight(name, content):
    if name == "data/weights/model_weights_config.json":
        config = json.loads(content)
        next(iter(config["config"].values()))["use_pickle"] = True
        return json.dumps(config).encode()
    return pickled(Bomb(FIRED)) if name == "data/weights/weight_0" else content


def in_an_object(name, content):
    if name == "data/constants/model_constants_config.json":
        entry = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
        return json.dumps({"config": {"x": entry}}).encode()
    return content


def operation(text):
    return graph_with(lambda graph: graph["graph_module"]["graph"]["nodes"][0].update(target=text))


def in_a_size(graph):
    graph["range_constraints"] = dict.fromkeys([EVALUATED], *graph["range_constraints"].values())


DAMAGE = {
    "inputs": in_inputs,
    "weight": in_a_weight,
    "object": in_an_object,
    "size": graph_with(in_a_size),
    "guard": graph_with(lambda graph: graph.update(guards_code=[EVALUATED])),
    "library": operation("torch.ops.load_library"),
    "reader": operation("torch.load"),
    "file": operation("torch.ops.aten.from_file.default"),
    "private": operation("torch.ops.aten.__class__.__init__"),
    "python": operation("_operator.methodcaller"),
}
"""Each way by which torch.export.load, or the module that it gives, runs what a file says."""


@pytest.mark.parametrize("damage", DAMAGE)
def test_nothing_in_a_file_is_run(damage, saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = rewritten(saved, tmp_path / "damaged.pt2", DAMAGE[damage])
    with pytest.raises(eo.DataFormatError, match="it was not loaded"):
        load_part(path)
    assert not (tmp_path / FIRED).exists()


@pytest.mark.parametrize("damage", ["inputs", "weight"])
def test_torch_alone_does_run_such_files(damage, saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = rewritten(saved, tmp_path / "damaged.pt2", DAMAGE[damage])
    with contextlib.suppress(Exception):
        torch.export.load(path)
    assert (tmp_path / FIRED).exists()


def test_compiled_libraries_are_refused(saved, tmp_path):
    path = rewritten(saved, tmp_path / "compiled.pt2", lambda _, content: content)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/data/aotinductor/model/model.so", b"")
    with pytest.raises(eo.DataFormatError, match=r"holds data/aotinductor/model/model\.so, which no part has"):
        load_part(path)


@torch.library.custom_op("edgeopt_tests::doubled", mutates_args=())
def doubled(x: torch.Tensor) -> torch.Tensor:
    """Return twice a tensor, by an operation that is not torch's."""
    return 2 * x


@doubled.register_fake
def _(x):
    return torch.empty_like(x)


def test_operations_of_other_libraries_are_loaded_on_request(tmp_path):
    model = made_networks.module(lambda self, x: doubled(self.a(x)), a=nn.Linear(8, 8)).eval()
    value = torch.randn(3, 8)
    (part,) = split_module(model, [0, 0], value)
    part.save(tmp_path / "part.pt2")
    with pytest.raises(eo.DataFormatError, match=r"namespaces=\['edgeopt_tests'\]"):
        load_part(tmp_path / "part.pt2")
    loaded = load_part(tmp_path / "part.pt2", namespaces=["edgeopt_tests"])
    torch.testing.assert_close(loaded.module(value), model(value))


def test_names_that_torch_would_not_read_are_refused(tmp_path):
    parts, _, _ = parts_of("unet")
    with pytest.raises(eo.InvalidOptionError, match=r"end in \.pt2"):
        parts[0].save(tmp_path / "part.pt")
    with pytest.raises(eo.DataFormatError, match="absent"):
        parts[0].save(tmp_path / "absent" / "part.pt2")
