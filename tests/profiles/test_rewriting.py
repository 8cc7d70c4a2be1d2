"""Exported graphs rewritten without a second trace: what torch's own trace gives, and what the model gives."""

import made_networks
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from edgeopt.profiles import zoo
from edgeopt.profiles.capture import capture, routes
from edgeopt.profiles.capture.aliasing import can_be_rewritten
from edgeopt.profiles.capture.crossing import Crossings
from edgeopt.profiles.capture.program import from_exported
from edgeopt.profiles.dnn import LayerTable

AWKWARD = made_networks.NETWORKS | {
    "dropout": (
        lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(True), nn.Dropout(), nn.Linear(8, 8), nn.Dropout(inplace=True)),
        (torch.ones(2, 4),),
        {},
        192,
    ),
    "branchy_alexnet": (lambda: zoo.build("branchy_alexnet"), (torch.ones(1, 3, 32, 32),), {}, 0),
}
_QUICK = ("dropout", "half", "relu_in_place")


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in _QUICK else pytest.mark.slow) for n in AWKWARD])
def test_a_rewritten_graph_is_the_one_that_torch_traces(name, monkeypatch):
    """The same operators in the same order, and the same bytes, tensors and work at every cut."""
    build, args, kwargs, _ = AWKWARD[name]
    torch.manual_seed(0)
    model = build().eval()
    rewritten = capture(model, args, kwargs)
    monkeypatch.setattr(routes, "can_be_rewritten", lambda graph: False)
    traced = capture(model, args, kwargs)
    ours, theirs = Crossings(rewritten.graph), Crossings(traced.graph)
    assert names(ours) == names(theirs)
    assert rows(rewritten) == rows(traced)
    assert ours.bits.tolist() == theirs.bits.tolist()
    assert ours.tensors.tolist() == theirs.tensors.tolist()
    assert ours.macs.tolist() == theirs.macs.tolist()


def names(crossings):
    """Return the operations, batch norm under one name."""
    native = "aten._native_batch_norm_legit_no_training.default"
    found = [str(node.target) for node in crossings.graph.operators]
    return ["aten.batch_norm.default" if name == native else name for name in found]


def rows(found):
    """Return the layers, and where they are cut, but for the names that operations have by themselves."""
    table = LayerTable.of(found)
    layers = [(layer.kind, layer.macs, layer.output_bits, layer.output_shape) for layer in table.layers]
    return layers, table.edges.tolist(), table.cut_points.tolist()


def exported(forward, **parts):
    """Return a model, its exported program, and what is given to it."""
    model = made_networks.module(forward, a=nn.Linear(6, 6), **parts).eval()
    given = (torch.randn(4, 6, generator=torch.Generator().manual_seed(0)),)
    with torch.no_grad():
        return model, torch.export.export(model, given), given


def in_place_twice(self, x):
    y = self.a(x)
    y += 1
    F.relu(y, inplace=True)
    return y * 2


def before_and_after(self, x):
    y = self.a(x)
    z = y * 3
    y.mul_(2)
    return y + z


def view_before(self, x):
    y = self.a(x)
    z = y.view(-1)
    y.mul_(2)
    return z + 1


def view_after(self, x):
    y = self.a(x)
    y.mul_(2)
    return y.view(-1) + 1


def view_written(self, x):
    y = self.a(x)
    y.t().add_(1)
    return y * 1


def view_written_alone(self, x):
    return self.a(x).t().add_(1)


def through_a_copy_that_is_none(self, x):
    y = self.a(x)
    z = y.to(torch.float32)
    z.sigmoid_()
    return y + z


def through_a_dropout_that_is_off(self, x):
    y = self.a(x)
    z = F.dropout(y, 0.5, self.training)
    z.sigmoid_()
    return y + z


def input_written(self, x):
    return self.a(x.mul_(2))


def weight_written(self, x):
    self.a.weight.mul_(1.0)
    return self.a(x)


def compared(self, x):
    y = self.a(x)
    y.gt_(0)
    return self.a(y)


def piece_written(self, x):
    left, right = self.a(x).chunk(2, 1)
    left.add_(right)
    return left * right


def whole_after_a_piece(self, x):
    y = self.a(x)
    left, _ = y.chunk(2, 1)
    left.zero_()
    return y * 1


def with_itself(self, x):
    y = self.a(x)
    y.add_(y)
    return self.a(y)


def sizes_of_another(self, x):
    y = self.a(x)
    return y.mean(1, keepdim=True).expand_as(x).reshape_as(x.t()) * 2


REWRITTEN = {in_place_twice, before_and_after, view_after, view_written_alone, with_itself, sizes_of_another}
REWRITTEN |= {through_a_copy_that_is_none}
TRACED = {
    through_a_dropout_that_is_off,
    view_before,
    view_written,
    input_written,
    weight_written,
    compared,
    piece_written,
    whole_after_a_piece,
}


@pytest.mark.parametrize("forward", sorted(REWRITTEN | TRACED, key=lambda f: f.__name__), ids=lambda f: f.__name__)
def test_writing_in_place_is_replaced_where_nobody_reads_another_view(forward):
    model, program, given = exported(forward)
    assert can_be_rewritten(program.graph) is (forward in REWRITTEN)
    with torch.no_grad():
        expected = model(given[0].clone())
        if forward in REWRITTEN:
            found = from_exported(program, model, ["x"], "export", False)
            targets = [node.target for node in found.module.graph.nodes if node.op == "call_function"]
            assert not any(target._schema.is_mutable for target in targets if hasattr(target, "_schema"))
            torch.testing.assert_close(found.run([given[0].clone()])[0], expected)


def drawn(rng):
    """Return a forward of random views, copies, and operations in place and not, all results added up."""
    steps = rng.integers(0, len(STEPS), size=9).tolist()
    choices = rng.random((len(steps), 2))

    def forward(self, x):
        known = [self.a(x)]
        for step, (first, second) in zip(steps, choices, strict=True):
            y, z = known[int(first * len(known))], known[int(second * len(known))]
            known.append(STEPS[step](y, z))
        return torch.stack([value.reshape(-1).mean() for value in known])

    return forward


STEPS = (
    lambda y, z: y.relu_(),
    lambda y, z: y.mul_(1.5),
    lambda y, z: y.add_(z.detach()) if y.shape == z.shape else y - 1,
    lambda y, z: y.view(-1),
    lambda y, z: y.reshape(-1, 2),
    lambda y, z: y[: max(1, y.shape[0] // 2)],
    lambda y, z: F.dropout(y, 0.1, False),
    lambda y, z: y.to(torch.float32),
    lambda y, z: y.sin(),
    lambda y, z: y.contiguous(),
    lambda y, z: y.flatten(),
    lambda y, z: y + 1,
)


@pytest.mark.slow
def test_random_programs_of_views_and_writing_in_place():
    """Whatever is rewritten gives what the model gives; a quarter of the programs are."""
    rewritten = 0
    for seed in range(120):
        forward = drawn(np.random.default_rng(seed))
        try:
            model, program, given = exported(forward)
        except Exception:  # some views cannot be made
            continue
        if can_be_rewritten(program.graph):
            rewritten += 1
            found = from_exported(program, model, ["x"], "export", False)
            with torch.no_grad():
                torch.testing.assert_close(found.run(list(given))[0], model(*given), msg=f"seed {seed}")
    assert rewritten >= 25
