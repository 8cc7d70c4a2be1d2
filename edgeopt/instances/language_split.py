"""Instances of language splits: published models over a phone and servers, and generated chains."""

from __future__ import annotations

import numpy as np

from ..formulations.language_split import LanguageSplit
from ..model.errors import InvalidOptionError
from ..profiles.language_model import LanguageModel, Processor, RequestLengths
from .family import Family, count, fraction, rounded

MODELS = {
    "gpt2": LanguageModel(768, 12, 3072, 50257, 12, gated=False, biases=True, positions=1024, tied=True),
    "llama-2-7b": LanguageModel(4096, 32, 11008, 32000, 32),
    "llama-2-70b": LanguageModel(8192, 64, 28672, 32000, 80, kv_heads=8),
    "llama-3-8b": LanguageModel(4096, 32, 14336, 128256, 32, kv_heads=8),
}
"""Configurations as published (Radford et al. 2019; Touvron et al. 2023; Llama team 2024), in 16 bits."""
PROCESSORS = (Processor(5e11, 4e11), Processor(5e12, 1.6e12), Processor(5e13, 8e12))
"""A phone, an edge server, a server in a data centre; orders of magnitude, no products."""


def published(
    model: str = "llama-2-7b", tiers: int = 2, phone: float = 0.4, edge: float = 0.65, rate: float = 5e7
) -> LanguageSplit:
    """Serve prompts of 64 or 512 tokens with answers of 32 or 256 by a published model.

    Parameters
    ----------
    model : str
        A key of `MODELS`.
    tiers : int
        2 (phone, server) or 3 (an edge server between them, 1 Gbit/s from the other).
    phone, edge : float
        Share of weights and caches that the phone holds, and the tier behind it; a third tier holds all.
    rate : float
        Of the first link, bit/s.
    """
    if model not in MODELS:
        raise InvalidOptionError(f"model is {model!r}; expected one of {', '.join(MODELS)}")
    chosen = MODELS[model]
    several = count(tiers, "tiers", 2, 3) == 3
    requests = RequestLengths.independent({64: 0.5, 512: 0.5}, {32: 0.5, 256: 0.5})
    whole = float((chosen.weight_bits + chosen.cache_bits_per_token * requests.longest).sum())
    shares = [fraction(phone, "phone"), fraction(edge, "edge"), *([1.0] if several else [])]
    return LanguageSplit.of(
        chosen,
        PROCESSORS if several else PROCESSORS[::2],
        requests,
        rate,
        backhaul_rate=[1e9] if several else None,
        link_delay=[5e-3, 5e-2] if several else 5e-3,
        memory=[round(share * whole) for share in shares],
    )


def generated(layers: int = 20, tiers: int = 2, seed: int = 0, room: float = 0.6, alike: float = 0.0) -> LanguageSplit:
    """Draw a chain: times fall from tier to tier, layers differ in weight.

    Parameters
    ----------
    layers, tiers : int
        How many.
    seed : int
        Of times, tensors and weights.
    room : float
        Share of all weights and caches that each of the first two tiers holds; others hold all.
    alike : float
        How nearly what a layer gains by moving on is the same for each bit of its weight (1: hardly any choice is
        better than others of the same weight).
    """
    rng = np.random.default_rng(seed)
    n, m = count(layers, "layers"), count(tiers, "tiers", 2, 10)
    held = np.round(rng.uniform(1e9, 3e9, n))
    own = rng.gamma(2.0, 0.01, n)
    times = (1.0 - fraction(alike, "alike")) * own + alike * 1e-11 * held * rng.uniform(0.99, 1.01, n)
    times = rounded(times[:, None] / 4.0 ** np.arange(m), 9)
    cache = np.round(0.1 * held)
    return LanguageSplit(
        prefill_time=20.0 * times,
        decode_time=times,
        prefill_input_bits=rounded(rng.uniform(1e5, 1e6, n)),
        decode_input_bits=rounded(rng.uniform(1e3, 1e4, n)),
        token_bits=64.0,
        decode_steps=50.0,
        uplink_rate=np.full(m - 1, 1e7),
        downlink_rate=np.full(m - 1, 1e7),
        link_delay=np.full(m - 1, 2e-4),
        weight_bits=held,
        cache_bits=cache,
        memory=np.round(np.where(np.arange(m) < 2, fraction(room, "room"), 1.0) * (held + cache).sum()),
    )


FAMILIES = (
    Family(
        "language-split/published",
        "published language models over a phone, an edge server and a data centre, which hold a part of them",
        "configurations of GPT-2 and Llama; orders of magnitude of processors and links",
        published,
        {
            "gpt2": {"model": "gpt2", "rate": 1e6},
            "typical": {},
            "three-tiers": {"model": "llama-3-8b", "tiers": 3, "edge": 0.9},
            "large": {"model": "llama-2-70b", "phone": 0.1, "edge": 0.95},
        },
    ),
    Family(
        "language-split/generated",
        "chains with knobs for length, tiers, memory, how alike layers are for their weight",
        "generated",
        generated,
        {
            "tiny": {"layers": 4},
            "small": {},
            "adversarial": {"layers": 40, "seed": 1, "alike": 1.0},
        },
    ),
)
