"""Weights, work and tensors of language models: published counts, and hand-written torch models that run."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention, silu
from torch.utils.flop_counter import FlopCounterMode

import edgeopt as eo
from edgeopt.profiles.language_model import LanguageModel, Processor, RequestLengths


class Block(nn.Module):
    """A decoder block: GPT-2's (biases, no gate) or Llama's; keys and values go in and out."""

    def __init__(self, m: LanguageModel) -> None:
        super().__init__()
        queries, keys = m.heads * m.head_size, m.kv_heads * m.head_size
        norm = nn.LayerNorm if m.biases else nn.RMSNorm
        self.m, self.first, self.second = m, norm(m.hidden_size), norm(m.hidden_size)
        self.q, self.k, self.v = (nn.Linear(m.hidden_size, n, m.biases) for n in (queries, keys, keys))
        self.o = nn.Linear(queries, m.hidden_size, m.biases)
        self.up = nn.Linear(m.hidden_size, m.intermediate_size, m.biases)
        self.gate = nn.Linear(m.hidden_size, m.intermediate_size, m.biases) if m.gated else None
        self.out = nn.Linear(m.intermediate_size, m.hidden_size, m.biases)

    def forward(self, x, state):
        n, m = x.shape[1], self.m
        y = self.first(x)
        q, k, v = (p(y).view(1, n, -1, m.head_size).transpose(1, 2) for p in (self.q, self.k, self.v))
        if state is not None:
            k, v = torch.cat([state[0], k], dim=2), torch.cat([state[1], v], dim=2)
        group = m.heads // m.kv_heads
        mask = torch.ones(n, k.shape[2], dtype=torch.bool).tril(k.shape[2] - n)
        read = scaled_dot_product_attention(q, k.repeat_interleave(group, 1), v.repeat_interleave(group, 1), mask)
        x = x + self.o(read.transpose(1, 2).reshape(1, n, -1))
        y = self.second(x)
        inner = silu(self.gate(y)) * self.up(y) if self.gate is not None else nn.functional.gelu(self.up(y))
        return x + self.out(inner), (k, v)


class Model(nn.Module):
    """Embedding, blocks and a head that reads the last position."""

    def __init__(self, m: LanguageModel) -> None:
        super().__init__()
        self.embedding = nn.Embedding(m.vocabulary, m.hidden_size)
        self.places = nn.Embedding(m.positions, m.hidden_size) if m.positions else None
        self.blocks = nn.ModuleList(Block(m) for _ in range(m.layers))
        self.norm = nn.LayerNorm(m.hidden_size) if m.biases else nn.RMSNorm(m.hidden_size)
        self.head = nn.Linear(m.hidden_size, m.vocabulary, False)

    def forward(self, tokens, states, past=0):
        x = self.embedding(tokens)
        if self.places is not None:
            x = x + self.places(torch.arange(past, past + tokens.shape[1]))
        kept, crossing = [], []
        for block, state in zip(self.blocks, states, strict=True):
            crossing.append(x)
            x, held = block(x, state)
            kept.append(held)
        return self.head(self.norm(x[:, -1])), kept, crossing


GPT = LanguageModel(12, 3, 40, 50, 2, gated=False, biases=True, positions=16, bits=32)
LLAMA = LanguageModel(16, 4, 24, 50, 3, kv_heads=2, head_size=6, bits=32)


@pytest.mark.parametrize("config", [GPT, LLAMA], ids=["gpt", "llama"])
def test_against_a_torch_model_that_runs(config):
    torch.manual_seed(0)
    model = Model(config).eval()
    parts = [[model.embedding, *([model.places] if config.positions else [])], *([b] for b in model.blocks)]
    parts.append([model.norm, model.head])
    counted = [sum(p.numel() for part in unit for p in part.parameters()) for unit in parts]
    assert config.parameters.tolist() == counted
    tokens = torch.randint(0, config.vocabulary, (1, 7))
    with torch.no_grad():
        whole = model(tokens, [None] * config.layers)[0]
        with (
            FlopCounterMode(display=False) as prefill,
            torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        ):
            _, states, crossing = model(tokens[:, :6], [None] * config.layers)
        with (
            FlopCounterMode(display=False) as decode,
            torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        ):
            last, states, step = model(tokens[:, 6:], states, past=6)
    torch.testing.assert_close(last, whole)  # two phases are the whole
    assert 2 * config.macs(6, 0).sum() == prefill.get_total_flops()
    assert 2 * config.macs(1, 6).sum() == decode.get_total_flops()
    state_bits = [0.0, *(32.0 * sum(part.numel() for part in held) for held in states), 0.0]
    assert (7 * config.cache_bits_per_token).tolist() == state_bits
    assert config.tensor_bits(6)[1:-2].tolist() == [32.0 * x.numel() for x in crossing]
    assert config.tensor_bits(1)[1:-2].tolist() == [32.0 * x.numel() for x in step]


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        # GPT-2 and GPT-2 XL (Radford et al. 2019), Llama 2 7B and 70B (Touvron et al. 2023), Llama 3 8B, as published.
        (LanguageModel(768, 12, 3072, 50257, 12, gated=False, biases=True, positions=1024, tied=True), 124439808),
        (LanguageModel(1600, 25, 6400, 50257, 48, gated=False, biases=True, positions=1024, tied=True), 1557611200),
        (LanguageModel(4096, 32, 11008, 32000, 32), 6738415616),
        (LanguageModel(8192, 64, 28672, 32000, 80, kv_heads=8), 68976648192),
        (LanguageModel(4096, 32, 14336, 128256, 32, kv_heads=8), 8030261248),
    ],
)
def test_published_parameters(config, parameters):
    copy = config.vocabulary * config.hidden_size if config.tied else 0
    assert int(config.parameters.sum()) - copy == parameters


def test_expected_passes_against_a_loop():
    rng = np.random.default_rng(0)
    prompt, output = rng.integers(1, 30, 40), rng.integers(1, 20, 40)
    share = rng.dirichlet(np.ones(40))
    requests = RequestLengths(prompt.astype(float), output.astype(float), share)
    expected = np.zeros(60)
    for p, o, weight in zip(prompt, output, share, strict=True):
        for step in range(1, o):
            expected[p + step - 1] += weight
    pasts, passes = requests.decode_pasts()
    np.testing.assert_allclose(passes, expected[pasts.astype(int)], atol=1e-12)
    assert passes.sum() == pytest.approx(expected.sum())
    assert passes.sum() == pytest.approx(requests.decode_steps)
    assert requests.longest == (prompt + output - 1).max()
    single = RequestLengths([5.0], [1.0])
    assert (single.decode_steps, single.decode_pasts()[1].size) == (0.0, 0)
    both = RequestLengths.independent({3: 0.25, 5: 0.75}, {2: 1.0})
    assert both.decode_steps == 1.0
    assert both.prompt @ both.probability == 4.5


def test_the_slower_of_computing_and_reading_counts():
    slow_memory, slow_compute = Processor(1e12, 1e6), Processor(1e3, 1e18, overhead=0.5)
    np.testing.assert_allclose(slow_memory.seconds(LLAMA, 1, 9), LLAMA.moved_bits(1, 9) / 1e6)
    np.testing.assert_allclose(slow_compute.seconds(LLAMA, 1, 9)[1:], LLAMA.macs(1, 9)[1:] / 1e3 + 0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LanguageModel(12, 5, 4, 4, 1), "no multiple of 5 heads"),
        (lambda: LanguageModel(12, 3, 4, 4, 1, kv_heads=2), "heads is 3 and kv_heads 2"),
        (lambda: LanguageModel(12, 3, 4, 4.0, 1), "vocabulary is 4.0"),
        (lambda: LanguageModel(12, 3, 4, 4, 0), "layers is 0"),
        (lambda: RequestLengths([1.5], [1.0]), r"prompt\[0\] is 1.5"),
        (lambda: RequestLengths([1.0], [1.0, 2.0]), "have 1, 2 and 1 entries"),
        (lambda: RequestLengths([1.0, 2.0], [1.0, 2.0], [0.5, 0.6]), "sums to 1.1"),
        (lambda: Processor(0.0, 1.0), "mac_rate is 0"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        make()
