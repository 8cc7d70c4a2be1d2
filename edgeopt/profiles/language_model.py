r"""Language models of stacked decoder blocks: weights, work and tensors of each block, from the configuration alone.

Nothing is built or run: GPT, Llama and their relatives (Radford et al. 2019; Touvron et al. 2023; grouped queries of
Ainslie et al. 2023) repeat one block, of which every matrix follows from a few numbers. With hidden size :math:`h`,
:math:`H` heads and :math:`K` key-value heads of size :math:`d`, and an intermediate size :math:`f`, a block that reads
:math:`n` tokens after :math:`p` earlier ones takes

- :math:`n h d (2 H + 2 K)` multiply-accumulates for queries, keys, values and the output projection,
- :math:`2 n (n + p) H d` for scores and their weighted sum (not halved for the causal mask, as
  ``torch.utils.flop_counter`` counts),
- :math:`2 n h f` for the feed-forward part, :math:`3 n h f` where it is gated;

its key-value cache holds :math:`2 K d` numbers for each token. Norms, activations and the softmax are not counted, as
in ``torch.utils.flop_counter``. The head computes the logits of the last position only: generation needs no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidProblemError
from ..model.records import Record, assign, float_array, number, read_only, record, require

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..model.kept import Floats, OptionalFloats

TOKEN_BITS = 64
"""Of a token's number, an int64 as torch has it."""


def _whole(value: Any, field: str, at_least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < at_least:
        raise InvalidProblemError(f"{field} is {value!r}; expected a whole number, {at_least} or more")
    return int(value)


@record
class LanguageModel(Record):
    """A decoder-only transformer as a chain of units: the embedding, its blocks, the head.

    Attributes
    ----------
    hidden_size, heads, intermediate_size, vocabulary, layers : int
        As the configurations of published models call them.
    kv_heads : int, optional
        Heads of keys and values; as many as `heads` by default. `heads` must be a multiple.
    head_size : int, optional
        Size of a head; ``hidden_size // heads`` by default.
    gated : bool
        Whether the feed-forward part has a gate (three matrices: Llama) or not (two: GPT-2).
    biases : bool
        Whether projections have biases and norms two vectors (GPT-2), or not (Llama).
    positions : int
        Rows of a learned table of positions (GPT-2: 1024); 0 where there is none.
    tied : bool
        Whether the head uses the embedding's matrix. On another tier the head holds a copy.
    bits : int
        Of a number, in weights, cache and activations.

    Raises
    ------
    InvalidProblemError
        If a size is no whole number above 0, or the heads cannot share the key-value heads.

    Examples
    --------
    >>> gpt2 = LanguageModel(768, 12, 3072, 50257, 12, gated=False, biases=True, positions=1024, tied=True, bits=32)
    >>> int(gpt2.parameters.sum()) - 50257 * 768  # the head's copy of the embedding
    124439808
    """

    hidden_size: int
    heads: int
    intermediate_size: int
    vocabulary: int
    layers: int
    kv_heads: int | None = None
    head_size: int | None = None
    gated: bool = True
    biases: bool = False
    positions: int = 0
    tied: bool = False
    bits: int = 16

    def __post_init__(self) -> None:
        names = ("hidden_size", "heads", "intermediate_size", "vocabulary", "layers", "bits")
        assign(self, **{name: _whole(getattr(self, name), name) for name in names})
        assign(self, positions=_whole(self.positions, "positions", 0))
        assign(self, kv_heads=self.heads if self.kv_heads is None else _whole(self.kv_heads, "kv_heads"))
        if self.heads % self.groups:
            raise InvalidProblemError(f"heads is {self.heads} and kv_heads {self.kv_heads}; expected a multiple of it")
        if self.head_size is None and self.hidden_size % self.heads:
            raise InvalidProblemError(
                f"hidden_size is {self.hidden_size}, no multiple of {self.heads} heads; give head_size"
            )
        size = self.hidden_size // self.heads if self.head_size is None else _whole(self.head_size, "head_size")
        assign(self, head_size=size)

    @property
    def groups(self) -> int:
        """Number of key-value heads."""
        return int(self.kv_heads or self.heads)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the units."""
        return ("embedding", *(f"block {i}" for i in range(self.layers)), "head")

    @property
    def parameters(self) -> NDArray[np.float64]:
        """(units,) numbers that each unit holds; a tied head holds its own copy of the embedding."""
        h, f, size = self.hidden_size, self.intermediate_size, int(self.head_size or 0)
        queries, keys = self.heads * size, self.groups * size
        norm = 2 * h if self.biases else h
        projections = h * (2 * queries + 2 * keys) + (queries + 2 * keys + h) * self.biases
        forward = (3 if self.gated else 2) * h * f + ((2 if self.gated else 1) * f + h) * self.biases
        block = projections + forward + 2 * norm
        embedding = self.vocabulary * h + self.positions * h
        return np.array([embedding, *[block] * self.layers, self.vocabulary * h + norm], float)

    @property
    def weight_bits(self) -> NDArray[np.float64]:
        """(units,) bits of the weights of each unit."""
        return self.parameters * self.bits

    @property
    def cache_bits_per_token(self) -> NDArray[np.float64]:
        """(units,) bits of keys and values that each unit keeps for a token: blocks only."""
        per_token = 2.0 * self.groups * int(self.head_size or 0) * self.bits
        return np.array([0.0, *[per_token] * self.layers, 0.0])

    def macs(self, tokens: ArrayLike, past: ArrayLike) -> NDArray[np.float64]:
        """(..., units) multiply-accumulates of reading `tokens` tokens of one sequence after `past` earlier ones."""
        n, p = np.broadcast_arrays(np.asarray(tokens, float), np.asarray(past, float))
        h, f, size = self.hidden_size, self.intermediate_size, int(self.head_size or 0)
        found = np.zeros((*n.shape, self.layers + 2))
        block = n * h * size * (2 * self.heads + 2 * self.groups) + 2 * n * (n + p) * self.heads * size
        found[..., 1:-1] = (block + (3 if self.gated else 2) * n * h * f)[..., None]
        found[..., -1] = h * self.vocabulary
        return found

    def moved_bits(self, tokens: ArrayLike, past: ArrayLike) -> NDArray[np.float64]:
        """(..., units) bits that must be read from memory: weights and cache; of the embedding the tokens' rows."""
        n, p = np.broadcast_arrays(np.asarray(tokens, float), np.asarray(past, float))
        found: NDArray[np.float64] = self.weight_bits + (n + p)[..., None] * self.cache_bits_per_token
        found[..., 0] = n * self.hidden_size * self.bits * (2 if self.positions else 1)
        return found

    def tensor_bits(self, tokens: ArrayLike) -> NDArray[np.float64]:
        """(..., units + 1) bits that enter each unit, and the token that leaves the head.

        Keys and values are not among them: they stay with their block. The head reads the last position only.
        """
        n = np.asarray(tokens, float)[..., None]
        hidden = float(self.hidden_size * self.bits)
        last = np.broadcast_to(np.array([hidden, TOKEN_BITS]), (*n.shape[:-1], 2))
        return np.concatenate([n * TOKEN_BITS, np.repeat(n * hidden, self.layers, axis=-1), last], axis=-1)


@record
class RequestLengths(Record):
    """Lengths of prompts and of answers, drawn together: samples of a log, or values with probabilities.

    Attributes
    ----------
    prompt, output : (samples,) float
        Whole numbers of tokens, 1 or more. The first token of an answer comes with the prompt, each other takes a pass.
    probability : (samples,) float, optional
        Of each pair; all alike by default.

    Raises
    ------
    InvalidProblemError
        If a length is no whole number above 0, the lengths of the arrays differ, or probabilities do not sum to 1.

    Examples
    --------
    >>> RequestLengths([10, 30], [5, 5]).decode_steps
    4.0
    """

    prompt: Floats
    output: Floats
    probability: OptionalFloats = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        for name in ("prompt", "output"):
            array = float_array(getattr(self, name), name, ndim=1)
            require(name, array, (array >= 1) & (array == np.round(array)), "must be a whole number of tokens, >= 1")
            assign(self, **{name: array})
        size = self.prompt.size
        shares = np.full(size, 1.0 / max(size, 1)) if self.probability is None else self.probability
        shares = float_array(shares, "probability", ndim=1)
        require("probability", shares, shares >= 0, "must be a probability, >= 0")
        if not size or self.output.shape != (size,) or shares.shape != (size,):
            raise InvalidProblemError(
                f"prompt, output and probability have {size}, {self.output.size} and {shares.size} entries; expected "
                "one of each for every sample, and at least one sample"
            )
        if abs(shares.sum() - 1.0) > 1e-9:
            raise InvalidProblemError(f"probability sums to {shares.sum()}; expected 1")
        assign(self, probability=read_only(shares))

    @classmethod
    def independent(cls, prompt: Any, output: Any) -> RequestLengths:
        """Return lengths that do not depend on each other.

        Parameters
        ----------
        prompt, output : mapping of int to float
            Probability of each length.
        """
        pairs = [(p, o, float(a) * float(b)) for p, a in prompt.items() for o, b in output.items()]
        return cls(*(np.array(column, float) for column in zip(*pairs, strict=True)))

    @property
    def shares(self) -> NDArray[np.float64]:
        """(samples,) probability of each pair."""
        return np.asarray(self.probability, float)

    @property
    def decode_steps(self) -> float:
        """Expected passes after the first token."""
        return float(self.shares @ (self.output - 1.0))

    @property
    def longest(self) -> int:
        """Most tokens that a cache must hold: those of the longest prompt with its answer, the last token left out."""
        return int((self.prompt + self.output - 1.0).max())

    def decode_pasts(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how many tokens may lie behind a decode pass, and the expected number of passes with so many."""
        steps = np.zeros(self.longest + 1)
        # Step i of a request (1 to output - 1) follows prompt + i - 1 tokens.
        np.add.at(steps, self.prompt.astype(int), self.shares)
        np.add.at(steps, (self.prompt + self.output - 1.0).astype(int), -self.shares)
        passes = np.cumsum(steps)
        passes[passes < 1e-12 * max(1.0, passes.max())] = 0.0  # what differences of running sums leave behind
        kept = np.flatnonzero(passes)
        return kept.astype(float), passes[kept]


@record
class Processor(Record):
    """A tier's speed by the roofline (Williams et al. 2009): it computes and reads memory, the slower one counts.

    Attributes
    ----------
    mac_rate : float
        Multiply-accumulates a second.
    memory_rate : float
        Bits a second from memory; a decode pass reads every weight for one token, so this is what binds it.
    overhead : float
        Seconds that each unit takes besides.
    """

    mac_rate: float
    memory_rate: float
    overhead: float = 0.0

    def __post_init__(self) -> None:
        for name in ("mac_rate", "memory_rate"):
            value = number(getattr(self, name), name)
            if not value > 0:
                raise InvalidProblemError(f"{name} is {value}; expected a rate above 0")
            assign(self, **{name: value})
        assign(self, overhead=number(self.overhead, "overhead", at_least=0.0))

    def seconds(self, model: LanguageModel, tokens: ArrayLike, past: ArrayLike) -> NDArray[np.float64]:
        """(..., units) time of a pass over `tokens` tokens after `past` earlier ones."""
        computing, reading = model.macs(tokens, past) / self.mac_rate, model.moved_bits(tokens, past) / self.memory_rate
        found: NDArray[np.float64] = np.maximum(computing, reading) + self.overhead
        return found
