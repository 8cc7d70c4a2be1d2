"""A language model over two processes: time to the first token and time per token, predicted beside measured.

A small model in the manner of Llama, with random weights, answers prompts of random numbers. Its units (embedding,
blocks, head) are timed on this machine in both phases; the device runs every part several times over, so that it is
honestly slower than the edge server, and the link is a loopback socket with a rate and a delay. Neither tier has room
for the whole model. The exact placement is deployed: each process loads its parts of the prompt's pass and of the pass
for one more token, with torch alone. Keys and values stay with their blocks: what crosses is counted. Both tiers alone,
which would need more memory, are deployed beside it. Every token must be the undivided model's.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from deploy_split import Tier, lay_out, running
from torch import nn
from torch.nn.functional import scaled_dot_product_attention, silu

import edgeopt as eo
from edgeopt.formulations.language_split import LanguageSplit
from edgeopt.profiles.capture import Capture, capture
from edgeopt.profiles.dnn import LayerTable
from edgeopt.profiles.language_model import LanguageModel, RequestLengths
from edgeopt.profiles.partition import Part, split_module

State = tuple[torch.Tensor, torch.Tensor]
"""Keys and values, each (1, key-value heads, tokens, head size)."""


# ----------------------------------------------------------------------------------------------------------- the model


class Block(nn.Module):
    """Attention with grouped queries and rotary positions, and a gated feed-forward part; state goes in and out."""

    def __init__(self, m: LanguageModel) -> None:
        super().__init__()
        hidden, self.size = m.hidden_size, int(m.head_size or 0)
        queries, keys = m.heads * self.size, m.groups * self.size
        self.first, self.second = nn.RMSNorm(hidden), nn.RMSNorm(hidden)
        self.query, self.key, self.value = (nn.Linear(hidden, n, False) for n in (queries, keys, keys))
        self.out = nn.Linear(queries, hidden, False)
        self.gate, self.up = (nn.Linear(hidden, m.intermediate_size, False) for _ in range(2))
        self.down = nn.Linear(m.intermediate_size, hidden, False)
        self.register_buffer("frequency", 1e4 ** (-torch.arange(0, self.size, 2) / self.size), persistent=False)

    def forward(self, x: torch.Tensor, state: State | None) -> tuple[torch.Tensor, State]:
        """Read (1, tokens, hidden) after the tokens of `state`, of which there are any only with a single new one."""
        y = self.first(x)
        q, k, v = (p(y).view(1, x.shape[1], -1, self.size).transpose(1, 2) for p in (self.query, self.key, self.value))
        # How many tokens lie behind is known from the block's own state: no number has to cross a cut.
        places = torch.arange(x.shape[1]) + (0 if state is None else state[0].shape[2])
        q, k = (turned(part, torch.outer(places, self.frequency)) for part in (q, k))
        if state is not None:
            k, v = torch.cat([state[0], k], 2), torch.cat([state[1], v], 2)
        read = scaled_dot_product_attention(q, k, v, is_causal=state is None, enable_gqa=True)
        x = x + self.out(read.transpose(1, 2).reshape(1, x.shape[1], -1))
        y = self.second(x)
        return x + self.down(silu(self.gate(y)) * self.up(y)), (k, v)


def turned(x: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """Turn pairs of numbers by angles that grow with the position (Su et al. 2021)."""
    a, b = x.chunk(2, -1)
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)


class Head(nn.Module):
    """The most probable token after the last position."""

    def __init__(self, m: LanguageModel) -> None:
        super().__init__()
        self.norm, self.scores = nn.RMSNorm(m.hidden_size), nn.Linear(m.hidden_size, m.vocabulary, False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (1, 1) int64."""
        token: torch.Tensor = self.scores(self.norm(x[:, -1])).argmax(-1, keepdim=True)
        return token


class Generator(nn.Module):
    """Embedding, blocks and head; without states it reads a prompt, with them one more token."""

    def __init__(self, m: LanguageModel) -> None:
        super().__init__()
        self.embedding = nn.Embedding(m.vocabulary, m.hidden_size)
        self.blocks = nn.ModuleList(Block(m) for _ in range(m.layers))
        self.head = Head(m)

    def forward(self, tokens: torch.Tensor, states: list[State] | None = None) -> tuple[torch.Tensor, list[State]]:
        """Return the next token, and the keys and values of all blocks."""
        x, kept = self.embedding(tokens), []
        for block, state in zip(self.blocks, states or [None] * len(self.blocks), strict=True):
            x, held = block(x, state)
            kept.append(held)
        return self.head(x), kept

    def answer(self, prompt: torch.Tensor, length: int) -> list[int]:
        """Return the tokens of an answer."""
        token, states = self(prompt)
        found = [int(token)]
        while len(found) < length:
            token, states = self(token, states)
            found.append(int(token))
        return found


# ------------------------------------------------------------------------------------------------- measured unit times


@dataclass
class MeasuredTier:
    """Seconds of the units of both phases, a multiple of what they take here; lines between the measured lengths."""

    prefill: dict[int, np.ndarray]
    decode: dict[int, np.ndarray]
    slow: int

    def seconds(self, model: LanguageModel, tokens: Any, past: Any) -> np.ndarray:
        """(..., units) as `LanguageSplit.of` asks: prompts after nothing, or one token after a number of others."""
        known, at = (self.decode, past) if np.any(past) else (self.prefill, tokens)
        lengths = sorted(known)
        units = np.array([known[length] for length in lengths]).T
        return self.slow * np.stack([np.interp(at, lengths, seconds) for seconds in units], axis=-1)


def unit_seconds(model: Generator, tokens: torch.Tensor, states: list[State] | None, repeats: int) -> np.ndarray:
    """Time every unit within whole passes, the fastest of each and of the processor: others only slow it down.

    Alone and again and again, a unit would find its weights in the processor's cache, which no pass does.
    """
    held = [(state,) for state in states or [None] * len(model.blocks)]
    units = list(zip([model.embedding, *model.blocks, model.head], [(), *held, ()], strict=True))
    found = np.zeros((repeats, len(units)))
    for seconds in found:
        x = tokens
        for number, (unit, state) in enumerate(units):
            started = time.thread_time()
            result = unit(x, *state)
            seconds[number] = time.thread_time() - started
            x = result[0] if state else result
    return found.min(axis=0)


def measured_tiers(model: Generator, requests: RequestLengths, slow: int, repeats: int) -> list[MeasuredTier]:
    """Time both phases at the lengths of the requests: the device `slow` times as slow as this machine, the edge."""
    prefill, decode = {}, {}
    for length in sorted({int(n) for n in requests.prompt} | {requests.longest - 1}):
        prompt = torch.randint(0, model.embedding.num_embeddings, (1, length))
        token, states = model(prompt)
        prefill[length] = unit_seconds(model, prompt, None, repeats)
        decode[length] = unit_seconds(model, token, states, repeats)
    return [MeasuredTier(prefill, decode, slow), MeasuredTier(prefill, decode, 1)]


# ----------------------------------------------------------------------------------------------------- both phases run


def phases(model: Generator, length: int) -> list[Capture]:
    """Capture the pass over a prompt of any length and the pass for one more token after any number of them."""
    prompt = torch.randint(0, model.embedding.num_embeddings, (1, length))
    token, states = model(prompt)
    pasts = {f"states[{block}][{which}]": (2,) for block in range(len(states)) for which in range(2)}
    return [capture(model, prompt, dynamic={"tokens": (1,)}), capture(model, (token, states), dynamic=pasts)]


def unit_of(layer: str, units: int) -> int:
    """Return the unit that a layer belongs to, from its name: ``embedding``, ``blocks.3.gate``, ``head.norm``."""
    part, *rest = layer.split(".")
    return 1 + int(rest[0]) if part == "blocks" else {"embedding": 0, "head": units - 1}[part]


def plan(folder: Path, model: Generator, captured: list[Capture], tiers: np.ndarray, link: Link, slow: int) -> None:
    """Write the parts of both phases, and which result of a pass is which state of the next."""
    parts: list[Part] = []
    passes = []
    for phase in captured:
        units = [unit_of(layer, len(tiers)) for layer in LayerTable.of(phase).names]
        found = split_module(phase, eo.GraphSplitDecision(tiers[units]))
        results = {which: port.name for part in found for port in part.outputs for which in port.result}
        # Result 0 is the token; keys and values of the blocks follow in pairs.
        state = {f"states_{n // 2}_{n % 2}": results[1 + n] for n in range(2 * len(model.blocks))}
        start = len(parts)
        parts += found
        passes.append({"start": start, "end": len(parts), "results": [results[0]], "state": state})
    lay_out(folder, parts, passes, [], [link.rate], [slow, 1], [link.delay])


@dataclass
class Link:
    """Between the device and the edge: bit/s both ways, and seconds."""

    rate: float
    delay: float


@dataclass
class Answer:
    """Tokens; of each pass the seconds, those of the processor in the parts, and the bits that crossed."""

    tokens: list[int]
    seconds: list[float]
    busy: list[float]
    bits: list[int]


def ask(device: Tier, prompt: torch.Tensor, length: int) -> Answer:
    """Generate an answer over the processes."""
    found, token = Answer([], [], [], []), prompt
    for number in range(length):
        started = time.perf_counter()
        (token,) = device.infer({"tokens": token}, min(number, 1))
        found.seconds.append(time.perf_counter() - started)
        found.busy.append(device.busy + device.beyond)
        found.tokens.append(int(token))
        found.bits.append(8 * (device.sent + device.received))
    return found


# ------------------------------------------------------------------------------------------- placements, and the table


def crossing_bits(problem: LanguageSplit, tiers: np.ndarray) -> float:
    """Return the bits that a pass for one more token sends over the only link: hidden states, and the token."""
    crossed = np.diff(tiers, prepend=0) != 0
    return float(np.asarray(problem.decode_input_bits)[crossed].sum()) + problem.token_bits * float(tiers[-1])


def deployed(folder: Path, kinds: RequestLengths, model: Generator, repeats: int) -> tuple[np.ndarray, set[int]]:
    """Answer prompts of every kind over two processes; return times, and the bits of every pass behind the first.

    Returns
    -------
    (2, 2) float, set of int
        Measured seconds, and those of the processor in the parts: to the first token, and of each further one. Each
        pass counts with its fastest repeat, each kind of request with its probability.
    """
    found, bits = np.zeros((2, 2)), set[int]()
    with running(folder, 2) as device:
        ask(device, torch.randint(0, model.embedding.num_embeddings, (1, 8)), 3)  # once before anyone measures
        for length, output, share in zip(kinds.prompt, kinds.output, kinds.shares, strict=True):
            times = []
            for _ in range(repeats):
                prompt = torch.randint(0, model.embedding.num_embeddings, (1, int(length)))
                answer = ask(device, prompt, int(output))
                if answer.tokens != model.answer(prompt, int(output)):
                    raise SystemExit("the tokens differ from those of the undivided model")
                times.append([answer.seconds, answer.busy])
                bits |= set(answer.bits[1:])
            passes = np.min(times, axis=0)
            found += share * np.stack([passes[:, 0], passes[:, 1:].sum(axis=1) / kinds.decode_steps], axis=1)
    return found, bits


def compare(
    problem: LanguageSplit, model: Generator, kinds: RequestLengths, link: Link, slow: int, quick: bool
) -> None:
    """Deploy the exact placement and both tiers alone; print predicted beside measured times."""
    exact = np.argmax(eo.solve(problem).decision.runs, axis=1)
    placements = {"exact": exact, "edge": 0 * exact + 1} | ({} if quick else {"device": 0 * exact})
    captured = phases(model, int(kinds.prompt[0]))
    print(f"{'':37s}{'first token, ms':>30s}{'each further token, ms':>30s}")
    heads = "".join(f"{head:>10s}" for head in ("predicted", "parts", "measured"))
    print(f"{'placement':37s}{heads}{heads}{'bits':>8s}")
    for name, tiers in placements.items():
        with tempfile.TemporaryDirectory() as folder:
            plan(Path(folder), model, captured, tiers, link, slow)
            (measured, busy), bits = deployed(Path(folder), kinds, model, 3 if quick else 7)
        if bits != {expected := crossing_bits(problem, tiers)}:
            raise SystemExit(f"{name}: passes sent {sorted(bits)} bits; hidden states and tokens have {expected:g}")
        decision = problem.placement(tiers)
        predicted = np.array([problem.first_token_time(decision), problem.token_time(decision)])
        units = [seconds[np.arange(len(tiers)), tiers].sum() for seconds in (problem.prefill_time, problem.decode_time)]
        columns = 1e3 * np.stack([predicted, predicted - units + busy, measured], axis=1)
        fits = " *" if problem.violations(decision) else ""
        told = f"{name}, {np.sum(tiers == 0)} of {len(tiers)} units on the device{fits}"
        print(f"{told:37s}{''.join(f'{value:10.1f}' for value in columns.flat)}{expected:8.0f}", flush=True)
    print("parts: processor time of the parts that ran, and the links; what is measured beyond it is handing over and")
    print(
        "waiting for a free core. bits: what crosses for a further token. *: needs more memory than there is, deployed"
    )
    print("for comparison. Every token is the undivided model's.")


def main() -> None:
    """Measure, solve, cut, deploy, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=20e6, help="rate of the link, bit/s")
    parser.add_argument("--delay", type=float, default=2e-3, help="delay of the link, s")
    parser.add_argument("--slow", type=int, default=4, help="how many times the device runs each part")
    parser.add_argument("--room", type=float, default=0.6, help="share of weights and caches that fits on each tier")
    parser.add_argument("--quick", action="store_true", help="fewer blocks, shorter answers, fewer repetitions")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = LanguageModel(512, 8, 1408, 8000, 3 if arguments.quick else 6, kv_heads=4, bits=32)
    answers = {4: 0.5, 8: 0.5} if arguments.quick else {6: 0.5, 14: 0.5}
    kinds, link = RequestLengths.independent({32: 0.5, 96: 0.5}, answers), Link(arguments.rate, arguments.delay)
    with torch.no_grad():
        model = Generator(config).eval()
        tiers = measured_tiers(model, kinds, arguments.slow, 10 if arguments.quick else 40)
        problem = LanguageSplit.of(config, tiers, kinds, link.rate, link_delay=link.delay)
        held = problem.weight_bits + problem.cache_bits
        print(
            f"{config.parameters.sum() / 1e6:.1f} M parameters; with caches {held.sum() / 8e6:.0f} MB, "
            f"of which each tier holds {arguments.room:.0%}"
        )
        problem = replace(problem, memory=np.full(2, arguments.room * held.sum()))
        compare(problem, model, kinds, link, arguments.slow, arguments.quick)


if __name__ == "__main__":
    main()
