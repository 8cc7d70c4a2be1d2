"""Capture of networks as people write them: equal to the model, right work, right bytes at every cut, or refused."""

from __future__ import annotations

import io
from itertools import chain, combinations

import made_networks
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import edgeopt as eo
from edgeopt.profiles.capture import capture
from edgeopt.profiles.capture.calls import tensors_in
from edgeopt.profiles.capture.crossing import Crossings, cheapest, members_of
from edgeopt.profiles.capture.parts import pieces, run_pieces
from edgeopt.profiles.capture.state import at_rest
from edgeopt.profiles.capture.work import count_work, register_work
from edgeopt.profiles.dnn import LayerTable


def captured(name: str):
    """Return a fresh network, its call and its capture."""
    build, args, kwargs, _ = made_networks.NETWORKS[name]
    torch.manual_seed(0)
    model = build().eval()
    return model, args, kwargs, capture(model, args, kwargs)


def results(model, args, kwargs):
    """Return the tensors that a model gives."""
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        return tensors_in(model(*args, **kwargs))


SOME = [
    name if place % 9 == 0 else pytest.param(name, marks=pytest.mark.slow)
    for place, name in enumerate(made_networks.NETWORKS)
]
"""All networks that are made for tests, of which `make test` takes every ninth: each is exported several times."""


@pytest.mark.parametrize("name", SOME)
def test_every_cut_gives_what_the_model_gives(name):
    """Left then right equals the model, and what crosses weighs what torch.save writes of it."""
    model, args, kwargs, found = captured(name)
    crossings = Crossings(found.graph)
    inputs = dict(zip(found.graph.program.inputs, found.call.tensors, strict=True))
    entering = tuple(inputs[node] for node in found.graph.inputs)
    for cut in range(crossings.count):
        model, args, kwargs, found = captured(name) if found.graph.program.writes else (model, args, kwargs, found)
        crossings = Crossings(found.graph)
        left, right = pieces(crossings, [cut])
        for _ in range(2 if found.graph.program.writes else 1):
            expected = results(model, args, kwargs)
            with at_rest():
                between = run_pieces([left], entering)
                found_there = run_pieces([right], between) if name != "noise" else run_pieces([left, right], entering)
            assert len(found_there) == len(expected)
            for ours, theirs in zip(found_there, expected, strict=True):
                torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
        sent = [value for value in between if isinstance(value, torch.Tensor)]
        assert 8 * sum(saved_bytes(value) for value in sent) == crossings.bits[cut]
        assert len(sent) == crossings.tensors[cut]


def saved_bytes(tensor: torch.Tensor) -> int:
    """Return the bytes of the data entries that torch.save writes of a contiguous copy."""
    import zipfile

    stream = io.BytesIO()
    torch.save(tensor.contiguous().clone(), stream)
    with zipfile.ZipFile(stream) as archive:
        return sum(entry.file_size for entry in archive.infolist() if "/data/" in entry.filename)


@pytest.mark.parametrize("name", SOME)
def test_the_work_is_that_worked_out_by_hand(name):
    table = LayerTable.of(captured(name)[3])
    assert table.macs == made_networks.NETWORKS[name][3]
    assert set(table.uncounted) <= {"aten::fft_rfft"}


@pytest.mark.parametrize("name", list(made_networks.REFUSED))
def test_what_has_no_fixed_graph_is_refused_with_its_line(name, capfd):
    build, args, message = made_networks.REFUSED[name]
    with pytest.raises(eo.InvalidProblemError, match=message):
        capture(build(), args)
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")


def test_the_model_is_never_touched():
    """F1: an attribute that forward writes once was left as a symbol of the trace."""
    build, args, _ = made_networks.REFUSED["attribute"]
    model = build()
    with pytest.raises(eo.InvalidProblemError):
        capture(model, args)
    assert not hasattr(model, "h")
    model, args, _, _ = captured("buffer_in_eval")
    assert not model.n.any()


def test_lazy_caches_are_no_state():
    def forward(self, x):
        if not hasattr(self, "grid"):
            self.grid = torch.ones(8)
        return self.a(x) * self.grid

    assert capture(made_networks.module(forward, a=nn.Linear(8, 8)), torch.ones(2, 8)).route == "export"


def keeps_to_be_looked_at(self, x):
    self.h = self.a(x)
    self.calls = getattr(self, "calls", 0) + 1
    self.features.append(self.h)
    return self.b(self.h)


def keeps_the_first_input(self, x):
    if not hasattr(self, "h"):
        self.h = self.a(x)
    return self.b(x) + self.h


def keeps_in_a_dict(self, x):
    self.kept["h"] = self.a(x) + 0.5 * self.kept.get("h", 0.0)
    return self.b(self.kept["h"])


class Memory:
    """State where no audit of attributes finds it."""

    h = 0.0


def keeps_in_an_object(self, x):
    self.memory.h = self.a(x) + 0.5 * self.memory.h
    return self.b(self.memory.h)


def stateful(forward, **attributes):
    """Return a model with these attributes."""
    model = made_networks.module(forward, a=nn.Linear(8, 8), b=nn.Linear(8, 8)).eval()
    for name, value in attributes.items():
        setattr(model, name, value)
    return model


def test_attributes_that_no_later_call_reads_are_no_state():
    model = stateful(keeps_to_be_looked_at, features=[])
    assert capture(model, torch.ones(2, 8)).dynamic
    assert (model.features, hasattr(model, "h"), hasattr(model, "calls")) == ([], False, False)


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_weights_that_a_hook_computes_in_each_call_are_no_state():
    model = nn.Sequential(torch.nn.utils.weight_norm(nn.Linear(8, 4)), nn.ReLU()).eval()
    found = capture(model, torch.ones(3, 8))
    value = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(found.graph.program.run([value])[0], model(value).detach())
    assert LayerTable.of(found).parameters == 4 + 4 + 32


@pytest.mark.parametrize(
    ("forward", "attributes", "message"),
    [
        (keeps_in_a_dict, {"kept": {}}, r"changes its attribute kept\['h'\], which is no buffer"),
        (keeps_in_an_object, {"memory": Memory()}, "keeps state in what is no buffer"),
        (keeps_the_first_input, {}, "differs from the model on other values.*Its calls change h, which a graph keeps"),
    ],
)
def test_what_a_later_call_reads_is_refused(forward, attributes, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        capture(stateful(forward, **attributes), torch.ones(2, 8))


def test_bytes_are_those_of_each_type():
    """F4: frames, tokens, half precision, indices and expanded tensors in their own size."""
    tables = {name: Crossings(captured(name)[3].graph).bits.tolist() for name in ("frame", "tokens", "half")}
    assert tables["frame"][0] == 8 * 192
    assert tables["tokens"][0] == 64 * 6
    assert tables["half"][1:4] == [32 * 24, 16 * 24, 16 * 24]
    maxima = Crossings(captured("maxima")[3].graph)
    assert maxima.bits[2] == 3 * (32 + 64)
    assert Crossings(captured("expanded")[3].graph).bits[1] == 32 * 24
    assert Crossings(captured("one_chunk")[3].graph).bits[1] == 32 * 12


def test_word_bits_are_those_of_floating_point_numbers():
    found = captured("maxima")[3]
    assert LayerTable.of(found, 16).cuts.bits[2] == 3 * (16 + 64)


def test_sizes_cross_for_nothing():
    """F6: neither ``x.size(0)`` nor ``size=x.shape[-2:]`` keeps the raw input alive."""
    sizes = LayerTable.of(captured("sizes")[3])
    assert sizes.chain().units == 5
    resized = LayerTable.of(captured("resized")[3])
    assert resized.chain().names == ("down", "mid", "upsample_bilinear2d")
    unet = LayerTable.of(captured("unet")[3])
    assert unet.chain(max_tensors=None).units == 8
    assert unet.chain(max_tensors=None).output_bits.max() == max(unet.cuts.bits)


def test_the_cheapest_cut_of_a_chain_is_the_best_that_there_is():
    """A diamond whose best cut ships two tensors is lost where only one may cross."""
    chain = LayerTable.of(captured("unet")[3]).chain(max_tensors=None)
    times = np.array([[1.0, 0.1]]).repeat(chain.units, 0)
    exit = eo.Exit(1.0, times, chain.output_bits)
    best = eo.solve(eo.StochasticSplit([exit], [1.0], 1e5)).objective
    sent = chain.output_bits[:-1] + chain.output_bits[-1]  # there, and the result back
    cuts = [times[:k, 0].sum() + times[k:, 1].sum() + sent[k] / 1e5 for k in range(chain.units)]
    assert best == pytest.approx(min(*cuts, times[:, 0].sum()))


def test_results_may_be_delivered_where_they_are_made():
    _, _, _, found = captured("dataclass_result")
    kept, delivered = LayerTable.of(found), LayerTable.of(found, keep_outputs=False)
    assert kept.cuts.bits.tolist() == [768, 768, 2 * 768]
    assert delivered.cuts.bits.tolist() == [768, 768, 0]


def test_dead_layers_are_not_in_the_table():
    """F11."""
    table = LayerTable.of(captured("dead")[3])
    assert table.names == ("a",)
    assert table.parameters == 72


def test_tied_weights_are_held_by_both_parts():
    table = LayerTable.of(captured("tied")[3])
    assert table.parameters == 45
    assert table.cuts.parameters.tolist() == [[0, 45], [45, 40], [45, 40], [45, 0]]


def test_constants_are_counted_where_they_are_needed():
    table = LayerTable.of(captured("constant_work")[3])
    assert table.cuts.macs.tolist() == [[0, 704], [704, 0]]


def test_a_recurrent_network_by_hand_and_by_the_counter():
    model = nn.LSTM(2, 3, batch_first=True).eval()
    assert count_work(lambda: model(torch.zeros(1, 5, 2))).macs == 5 * 12 * 5
    assert LayerTable.from_module(model, torch.zeros(1, 5, 2)).macs == 5 * 12 * 5
    assert LayerTable.from_module(model, torch.zeros(1, 5, 2)).layers[0].kind == "recurrent"


def test_one_counter_for_tables_and_for_what_runs():
    """A bidirectional LSTM of two layers with a head: 2 * 20 * 512 * (64 + 128) + 2 * 20 * 512 * (256 + 128) + 256 * 5."""
    model = made_networks.module(
        lambda self, x: self.head(self.r(x)[0][-1]),
        r=nn.LSTM(64, 128, 2, bidirectional=True),
        head=nn.Linear(256, 5),
    ).eval()
    value = torch.zeros(20, 1, 64)
    assert LayerTable.from_module(model, value).macs == 11_797_760
    assert count_work(lambda: model(value)).macs == 11_797_760


@torch.library.custom_op("edgeopt_tests::product", mutates_args=())
def product(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return x @ y


product.register_fake(lambda x, y: x.new_empty(x.shape[0], y.shape[1]))


def test_what_has_no_formula_is_said_and_refused(monkeypatch):
    model = made_networks.module(lambda self, x: product(x, self.w), w=torch.ones(8, 4))
    table = LayerTable.from_module(model, torch.ones(3, 8))
    assert table.uncounted == {"edgeopt_tests::product": 1}
    assert "uncounted: edgeopt_tests::product x 1" in repr(table)
    for ask in (lambda: eo.Exit.of(table.chain(), []), lambda: eo.GraphSplit.of(table, [], 1.0)):
        with pytest.raises(eo.InvalidProblemError, match=r"work of edgeopt_tests::product \(1 times\) is not known"):
            ask()
    from edgeopt.profiles.capture import work

    monkeypatch.setattr(work, "_registered", {})
    register_work("edgeopt_tests::product", lambda result, x, y: result.numel() * x.shape[1])
    assert LayerTable.from_module(model, torch.ones(3, 8)).macs == 3 * 8 * 4
    register_work("edgeopt_tests::product", lambda result, x, y: -1)
    with pytest.raises(eo.InvalidProblemError, match="the formula of edgeopt_tests::product gives -1"):
        LayerTable.from_module(model, torch.ones(3, 8))
    for name, formula in (("product", int), ("a::b", 3)):
        with pytest.raises(eo.InvalidOptionError):
            register_work(name, formula)


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:UserWarning")
def test_quantised_layers_are_counted():
    """K2: the recorder takes them, and their packed weights count."""
    model = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4)), {nn.Linear})
    table = LayerTable.from_module(model, torch.ones(1, 4))
    assert (table.macs, table.parameters) == (16, 20)


def test_a_part_refuses_what_it_was_not_captured_for():
    """T2: torch's kernel of LSTMs ends the process where the state has another batch than the input."""

    def forward(self, x, h, c):
        return self.r(x, (h, c))[0]

    model = made_networks.module(forward, r=nn.LSTM(4, 4, batch_first=True)).eval()
    state = torch.zeros(1, 2, 4)
    found = capture(model, (torch.ones(2, 3, 4), state, state), dynamic={"x": (0,), "h": (1,), "c": (1,)})
    (whole,) = pieces(Crossings(found.graph), [])
    value, other = torch.ones(5, 3, 4), torch.zeros(1, 5, 4)
    with torch.no_grad():
        torch.testing.assert_close(whole.module(value, other, other), model(value, other, other))
    for wrong, message in [
        ((value, state, state), "has shape"),
        ((value.double(), other, other), "takes torch.float32"),
        ((value, other), "takes 3 inputs; it was given 2"),
        ((torch.ones(5, 3, 9), other, other), "has shape"),
    ]:
        with pytest.raises(eo.InvalidProblemError, match=message):
            whole.module(*wrong)


_OTHERS = ("relu_in_place", "attention", "cells", "encoder_layer", "tokens")


@pytest.mark.parametrize("name", ["unet", *(pytest.param(name, marks=pytest.mark.slow) for name in _OTHERS)])
def test_parts_take_another_batch(name):
    """F9, T1: an example of one sample fixes nothing."""
    model, args, kwargs, found = captured(name)
    larger = tuple(value.repeat_interleave(3, 0) for value in args)
    crossings = Crossings(found.graph)
    for cut in range(1, crossings.count - 1):
        with at_rest():
            given = run_pieces(pieces(crossings, [cut]), larger)
        torch.testing.assert_close(list(given), results(model, larger, kwargs), rtol=1e-5, atol=1e-6)


def test_modes_are_said():
    """F10."""
    assert "captured in eval mode" in LayerTable.from_module(nn.Linear(2, 2).train(), torch.ones(1, 2)).notes[0]
    assert LayerTable.from_module(nn.Linear(2, 2).eval(), torch.ones(1, 2)).notes == ()


@pytest.mark.slow
def test_a_graph_that_differs_is_never_taken():
    """What no front end sees: a model that reads the clock of its own calls."""
    calls = iter(range(10**6))

    def forward(self, x):
        return self.a(x) * 2.0 ** max(0, next(calls) - 1)

    with pytest.raises(eo.InvalidProblemError, match="differs from the model on the example: result 0"):
        capture(made_networks.module(forward, a=nn.Linear(2, 2)), torch.ones(1, 2))


def test_a_buffer_that_is_read_again_is_not_cut_off():
    def forward(self, x):
        y = self.a(x) + self.n
        self.n.add_(self.b(y).mean(0))
        return self.b(y)

    model = made_networks.module(forward, n=torch.zeros(8), a=nn.Linear(8, 8), b=nn.Linear(8, 8))
    crossings = Crossings(capture(model, torch.ones(2, 8)).graph)
    assert not crossings.allowed.all()
    with pytest.raises(eo.InvalidProblemError, match="separates a buffer"):
        pieces(crossings, [int(np.flatnonzero(~crossings.allowed)[0])])


class Cache:
    """Keeps a tensor where no capture looks."""

    def __init__(self) -> None:
        self.kept = torch.ones(2)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        (None, None, r"example_input\[0\] is a NoneType; expected at least one tensor"),
        ((), {}, "the call is empty"),
        ((torch.ones(1, 2), Cache()), {}, r"example_input\[1\] is a Cache; expected tensors in lists"),
        (torch.ones(1, 2), {"cache": Cache()}, r"example_kwargs\['cache'\] is a Cache"),
        (torch.ones(1, 3), {}, r"does not take an input of shape \[\(1, 3\)\]: mat1 and mat2"),
    ],
)
def test_calls_that_cannot_be_captured_are_named(args, kwargs, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        capture(nn.Linear(2, 2), args, kwargs)


def test_models_made_in_inference_mode():
    with torch.inference_mode():
        model = nn.LSTM(2, 2)
    assert LayerTable.from_module(model.eval(), torch.ones(3, 1, 2)).macs == 3 * 8 * 4


@pytest.mark.parametrize(
    ("dynamic", "message"),
    [
        ("all", "dynamic is 'all'"),
        ({"y": (0,)}, "the call's tensors are input"),
        ({"input": (5,)}, "dimensions 0 to 1"),
    ],
)
def test_what_may_change_is_named(dynamic, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        capture(nn.Linear(2, 2), torch.ones(1, 2), dynamic=dynamic)


_MORE = ("attention", "cells", "encoder_layer", "chunks", "maxima", "experts")


@pytest.mark.parametrize("name", ["unet", *(pytest.param(name, marks=pytest.mark.slow) for name in _MORE)])
def test_every_cost_of_every_cut_is_that_of_the_cut(name):
    """The costs of all cuts at once against those of what is sent at each."""
    found = captured(name)[3]
    crossings = Crossings(found.graph)
    for cut in range(crossings.count):
        sent = crossings.sent(cut)
        assert crossings.bits[cut] == sum(8 * found.graph.seen.values[node].bytes for node in sent)
        assert crossings.tensors[cut] == len(sent)
    assert crossings.frame().bits.tolist() == crossings.bits.tolist()


@st.composite
def trees(draw):
    """Return a tree of views, their sizes, and which of them are needed."""
    parents = draw(st.lists(st.integers(0, 6), min_size=0, max_size=6))
    tree = {0: []}
    for node, parent in enumerate(parents, start=1):
        tree.setdefault(parent % node, []).append(node)
    count = len(parents) + 1
    sizes = draw(st.lists(st.integers(1, 9), min_size=count, max_size=count))
    return tree, sizes, draw(st.sets(st.integers(0, count - 1), min_size=1))


@given(trees())
def test_the_cheapest_views_against_all_sets_of_them(drawn):
    """Every set from which all needed views can be made: themselves sent, or a view before them."""
    tree, sizes, needed = drawn
    nodes = members_of(tree, 0)
    before = {0: {0}}
    for node in nodes:
        for view in tree.get(node, []):
            before[view] = before[node] | {view}
    subsets = chain.from_iterable(combinations(nodes, size) for size in range(len(nodes) + 1))
    enough = (set(s) for s in subsets if all(before[view] & set(s) for view in needed))
    cost, chosen = cheapest(0, tree, needed, lambda node: float(sizes[node]))
    assert cost == sum(sizes[node] for node in chosen) == min(sum(sizes[node] for node in s) for s in enough)
    assert all(before[view] & set(chosen) for view in needed)


def test_a_size_among_the_results_does_not_fix_the_batch():
    def forward(self, x):
        y = self.a(x)
        return {"y": self.b(y), "count": y.shape[0]}

    model = made_networks.module(forward, a=nn.Linear(8, 8), b=nn.Linear(8, 8)).eval()
    captured = capture(model, torch.randn(1, 8))
    assert captured.dynamic
    assert not captured.notes
    value = torch.randn(3, 8)
    torch.testing.assert_close(captured.graph.program.run([value])[0], model(value)["y"])
