"""Parts as ONNX models, equal in onnxruntime; ONNX models as problems, equal to a cut by hand and by brute force."""

from __future__ import annotations

import itertools
import json
import sys

import made_networks
import numpy as np
import pytest
import torch

import edgeopt as eo
from edgeopt.profiles.capture import capture
from edgeopt.profiles.deployment.onnx_graph import read_onnx_split
from edgeopt.profiles.deployment.onnx_parts import save_onnx
from edgeopt.profiles.dnn import LayerTable
from edgeopt.profiles.partition import split_module


def parts_of(name):
    build, args, kwargs, _ = made_networks.NETWORKS[name]
    torch.manual_seed(0)
    captured = capture(build().eval(), args, kwargs)
    layers = len(LayerTable.of(captured).layers)
    parts = split_module(captured, eo.GraphSplitDecision((np.arange(layers) >= max(1, layers // 2)).astype(int)))
    return captured, parts


def test_without_onnx_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    _, parts = parts_of("tokens")
    with pytest.raises(eo.EdgeOptError, match=r"pip install 'edgeopt\[onnx\]'"):
        parts[0].save_onnx(tmp_path / "part.onnx")
    with pytest.raises(eo.EdgeOptError, match=r"pip install 'edgeopt\[onnx\]'"):
        read_onnx_split(tmp_path / "model.onnx", {}, 1e6)


NOT = {  # no equal model, and why
    "autocast": "bfloat16, which onnxruntime does not take",
    "distances": "cannot be exported to ONNX: Error when translating node",
    "noise": "differs",
    "buffer_in_eval": "changes a buffer",
}
NETWORKS = [pytest.param(name, marks=[] if name == "tokens" else pytest.mark.slow) for name in made_networks.NETWORKS]


@pytest.mark.parametrize("name", NETWORKS)
def test_parts_run_in_onnxruntime(name, tmp_path):
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    captured, parts = parts_of(name)
    values = dict(zip((node.name for node in captured.graph.inputs), captured.call.tensors, strict=True))
    refused = ""
    for index, part in enumerate(parts):
        with torch.no_grad():
            given = part.module(*(values[port.name] for port in part.inputs))
        given = given if isinstance(given, tuple) else (given,)
        values |= {port.name: value for port, value in zip(part.outputs, given, strict=True)}
        try:
            names = save_onnx(part, tmp_path / f"{index}.onnx")
        except eo.InvalidProblemError as error:
            refused += str(error)
            continue
        session = onnxruntime.InferenceSession(tmp_path / f"{index}.onnx", providers=["CPUExecutionProvider"])
        assert {entry.name for entry in session.get_inputs()} == set(names.inputs.values())
        feed = {called: np.asarray(values[port]) for port, called in names.inputs.items()}
        found = session.run([names.outputs[port.name] for port in part.outputs], feed)
        for ours, theirs in zip(found, given, strict=True):
            np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-5, atol=1e-5)
        said = json.loads(session.get_modelmeta().custom_metadata_map["edgeopt"])
        assert [entry["name"] for entry in said["inputs"]] == [port.name for port in part.inputs]
    assert (NOT[name] in refused) if name in NOT else not refused, refused


def test_complex_numbers_do_not_cross(tmp_path):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    build, args, _, _ = made_networks.NETWORKS["fft"]
    captured = capture(build().eval(), args)
    names = LayerTable.of(captured).names
    behind = next(index for index, name in enumerate(names) if "fft" in name)
    parts = split_module(captured, eo.GraphSplitDecision((np.arange(len(names)) > behind).astype(int)))
    for part in parts:
        with pytest.raises(eo.InvalidProblemError, match="complex64, which onnxruntime does not take; cut elsewhere"):
            part.save_onnx(tmp_path / "part.onnx")


def test_onnx_models_take_other_batches(tmp_path):
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    _, parts = parts_of("unet")
    names = parts[0].save_onnx(tmp_path / "part.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "part.onnx", providers=["CPUExecutionProvider"])
    for batch in (1, 2, 5):
        value = torch.randn(batch, 3, 16, 16)
        found = session.run(None, {names.inputs["x"]: value.numpy()})
        with torch.no_grad():
            for ours, theirs in zip(found, parts[0].module(value), strict=True):
                np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-5, atol=1e-5)


@pytest.fixture
def diamond(tmp_path):
    """Write a diamond with a prepared weight, a symbolic batch and a node without a name."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("Neg", ["w"], ["minus"], name="prepare"),
        helper.make_node("Relu", ["x"], ["a"], name="first"),
        helper.make_node("MatMul", ["a", "minus"], ["b"], name="wide"),
        helper.make_node("Sigmoid", ["a"], ["c"], name="side"),
        helper.make_node("Concat", ["b", "c"], ["y"], axis=1),
    ]
    weight = onnx.numpy_helper.from_array(np.ones((4, 3), np.float32), "w")
    given = helper.make_tensor_value_info("x", kind, ["batch", 4])
    result = helper.make_tensor_value_info("y", kind, ["batch", 7])
    graph = helper.make_graph(nodes, "diamond", [given], [result], [weight])
    onnx.save(helper.make_model(graph), str(tmp_path / "diamond.onnx"))
    return tmp_path / "diamond.onnx"


def test_an_onnx_model_is_a_problem(diamond):
    seconds = {"first": [1.0, 0.1], "wide": [4.0, 0.2], "side": [0.3, 0.2], "y": [0.5, 0.4]}
    problem = read_onnx_split(diamond, seconds, 100.0, sizes={"batch": 2})
    assert problem.names == ("first", "wide", "side", "y")
    assert problem.edges.tolist() == [[-1, 0], [0, 1], [0, 2], [1, 3], [2, 3]]
    assert problem.input_bits == 2 * 4 * 32
    assert problem.output_bits.tolist() == [256, 192, 256, 448]
    assert list(problem.outputs) == [3]
    best = eo.solve(problem)
    every = [problem.objective(eo.GraphSplitDecision(tiers)) for tiers in itertools.product((0, 1), repeat=4)]
    assert best.objective == pytest.approx(min(every))


def test_what_a_model_does_not_say_is_asked_for(diamond, tmp_path):
    seconds = {name: [1.0, 0.5] for name in ("first", "wide", "side", "y")}
    with pytest.raises(eo.InvalidProblemError, match=r"a size of '.' is 'batch'; give it: sizes=\{'batch': 1\}"):
        read_onnx_split(diamond, seconds, 1e6)
    with pytest.raises(eo.InvalidProblemError, match="seconds has no wide, side, y"):
        read_onnx_split(diamond, {"first": [1.0, 0.5]}, 1e6, sizes={"batch": 1})
    with pytest.raises(eo.InvalidProblemError, match=r"rows of \[1, 2\] tiers"):
        read_onnx_split(diamond, seconds | {"wide": [1.0]}, 1e6, sizes={"batch": 1})
    for content in (b"", b"no model", diamond.read_bytes()[:40]):
        (tmp_path / "cut.onnx").write_bytes(content)
        with pytest.raises(eo.DataFormatError, match=r"cut\.onnx is no ONNX model"):
            read_onnx_split(tmp_path / "cut.onnx", seconds, 1e6, sizes={"batch": 1})


@pytest.mark.slow
def test_a_part_that_was_exported_is_a_problem(tmp_path):
    pytest.importorskip("onnxscript")
    onnx = pytest.importorskip("onnx")
    build, args, _, _ = made_networks.NETWORKS["unet"]
    captured = capture(build().eval(), args)
    (whole,) = split_module(captured, eo.GraphSplitDecision([0] * len(LayerTable.of(captured).layers)))
    whole.save_onnx(tmp_path / "unet.onnx")
    nodes = onnx.load(tmp_path / "unet.onnx").graph.node
    seconds = {node.name or node.output[0]: [1.0, 0.1] for node in nodes}
    symbol = next(
        side.dim_param
        for value in onnx.load(tmp_path / "unet.onnx").graph.input
        for side in value.type.tensor_type.shape.dim
        if side.dim_param
    )
    problem = read_onnx_split(tmp_path / "unet.onnx", seconds, 1e6, sizes={symbol: 1})
    assert problem.input_bits == 32 * args[0].numel() if isinstance(args, tuple) else 32 * args.numel()
    assert eo.solve(problem).status == "optimal"
