"""What compressing each tensor of a chain costs: bits, coding times, and accuracy, measured on samples.

The network runs in its units. At each cut the tensor is encoded and decoded in each precision, and the rest of the
network runs on what came back; what the accuracy falls by is the loss of that cut and precision. Several cuts are
measured together as well, because a compressed split adds their losses up, which no network promises.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..formulations.compressed_split import CompressedSplitDecision
from ..model.errors import InvalidProblemError
from ..model.records import number
from .partition import Part, split_module

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from .codecs import Codec


@dataclass(frozen=True, eq=False)
class Compression:
    """What sending each tensor of a chain in each precision costs.

    Attributes
    ----------
    units, precisions : tuple of str
        Names of the chain's units, and of the precisions.
    accuracy : float
        Share of the samples that the network answers rightly without compression.
    sent_bits : (units + 1, precisions) float
        Bits of one inference: the raw input, then each unit's output.
    loss : (units + 1, precisions) float
        By what the accuracy falls where this tensor alone is compressed; may be negative.
    encode_seconds, decode_seconds : (units + 1, precisions) float
        Median times on this machine, in one thread's time as torch is set.
    """

    units: tuple[str, ...]
    precisions: tuple[str, ...]
    accuracy: float
    sent_bits: NDArray[np.float64]
    loss: NDArray[np.float64]
    encode_seconds: NDArray[np.float64]
    decode_seconds: NDArray[np.float64]
    _run: _Samples

    def coding_times(self, slowdown: Sequence[float]) -> dict[str, NDArray[np.float64]]:
        """Return ``encode_time`` and ``decode_time`` for tiers that take so many times as long as this machine."""
        times = [number(value, f"slowdown[{k}]", at_least=0.0) for k, value in enumerate(slowdown)]
        both = {"encode_time": self.encode_seconds, "decode_time": self.decode_seconds}
        return {name: seconds[:, :, None] * np.array(times) for name, seconds in both.items()}

    def measured_loss(self, decision: CompressedSplitDecision) -> float:
        """Return by what the accuracy falls with all tensors of a decision compressed together."""
        return self.accuracy - self._run.accuracy(dict(self._crossing(decision)))

    def predicted_loss(self, decision: CompressedSplitDecision) -> float:
        """Return the sum of the losses of a decision's tensors, each measured alone."""
        return float(sum(self.loss[tensor, precision] for tensor, precision in self._crossing(decision)))

    def _crossing(self, decision: CompressedSplitDecision) -> list[tuple[int, int]]:
        if decision.precision.shape != (len(self.units) + 1,):
            raise InvalidProblemError(
                f"decision.precision has shape {decision.precision.shape}; this chain has {len(self.units) + 1} tensors"
            )
        return [(tensor, int(q)) for tensor, q in enumerate(decision.precision) if q >= 0]

    def additivity(self, pairs: int = 20, seed: int = 0) -> float:
        """Return by how much the loss of two tensors together exceeded the sum of their own, at most.

        Parameters
        ----------
        pairs : int
            How many pairs of tensors and precisions are drawn.
        seed : int
            Of the draw.
        """
        rng = np.random.default_rng(seed)
        tensors, ways = self.loss.shape
        worst = 0.0
        for _ in range(pairs if tensors > 1 else 0):
            both = rng.choice(tensors, 2, replace=False)
            chosen = dict(zip(both.tolist(), rng.integers(0, ways, 2).tolist(), strict=True))
            together = self.accuracy - self._run.accuracy(chosen)
            worst = max(worst, together - float(sum(self.loss[tensor, q] for tensor, q in chosen.items())))
        return worst


class _Samples:
    """The network in its units, with samples, what is right for each, and codecs."""

    def __init__(self, parts: Sequence[Part], inputs: Any, labels: Any, codecs: Sequence[Codec]) -> None:
        self.parts, self.inputs, self.codecs = parts, inputs, codecs
        self.labels = self._answers(self.run({})) if labels is None else labels

    @staticmethod
    def _answers(result: torch.Tensor) -> torch.Tensor:
        return result.flatten(1).argmax(dim=1)

    def run(self, chosen: dict[int, int], first: int = 0, value: Any = None) -> torch.Tensor:
        """Return the result with these tensors compressed, from the input of unit `first` on."""
        import torch

        value = self.inputs if value is None else value
        with torch.no_grad():
            for tensor in range(first, len(self.parts) + 1):
                if tensor in chosen:
                    value = self.codecs[chosen[tensor]].restored(value)
                if tensor < len(self.parts):
                    value = self.parts[tensor].module(value)
        result: torch.Tensor = value
        return result

    def after(self, unit: int, value: Any) -> Any:
        """Return the output of one unit."""
        import torch

        with torch.no_grad():
            return self.parts[unit].module(value)

    def accuracy(self, chosen: dict[int, int], first: int = 0, value: Any = None) -> float:
        """Return the share of samples that are answered rightly."""
        right = self._answers(self.run(chosen, first, value)) == self.labels
        return float(right.double().mean())


def measure_losses(
    model: torch.nn.Module,
    example_input: Any,
    inputs: torch.Tensor,
    labels: torch.Tensor | None = None,
    *,
    precisions: Sequence[str] = ("float32", "float16", "int8", "top-k:0.1"),
    repeats: int = 3,
) -> Compression:
    """Measure bits, losses and coding times of every tensor of a network's chain.

    Parameters
    ----------
    model : torch.nn.Module
        A classifier: the largest of its results is its answer.
    example_input : Any
        One inference, as deployed; its size is that of `sent_bits` and of the coding times.
    inputs : (samples, …) tensor
        Samples in one batch.
    labels : (samples,) int tensor, optional
        Right answers; those of the network itself by default, so that the accuracy is agreement with it.
    precisions : sequence of str
        Names of :func:`~edgeopt.profiles.codecs.codec`.
    repeats : int
        Timed runs of each codec.

    Raises
    ------
    InvalidProblemError
        If the network has no chain of single tensors, a precision is unknown, or samples and labels differ in number.
    """
    from .codecs import codec
    from .dnn import LayerTable

    codecs = [codec(name) for name in precisions]
    if labels is not None and len(labels) != len(inputs):
        raise InvalidProblemError(f"labels has {len(labels)} entries for {len(inputs)} samples")
    chain = LayerTable.from_module(model, example_input).chain()
    # Tiers that change at every unit make a part of each.
    parts = split_module(model, np.arange(chain.units) % 2, example_input)
    run, one = (_Samples(parts, batch, truth, codecs) for batch, truth in ((inputs, labels), (example_input, None)))
    shape = (chain.units + 1, len(codecs))
    bits, loss, encoding, decoding = np.zeros((4, *shape))
    accuracy, value, single = run.accuracy({}), inputs, example_input
    for tensor in range(shape[0]):
        for q, way in enumerate(codecs):
            bits[tensor, q] = way.sent_bits(single)
            encoding[tensor, q], decoding[tensor, q] = _coding_seconds(way, single, repeats)
            loss[tensor, q] = accuracy - run.accuracy({tensor: q}, tensor, value)
        if tensor < chain.units:
            value, single = (of.after(tensor, at) for of, at in ((run, value), (one, single)))
    return Compression(tuple(chain.names), tuple(precisions), accuracy, bits, loss, encoding, decoding, run)


def _coding_seconds(way: Codec, value: Any, repeats: int) -> tuple[float, float]:
    import torch

    times = []
    with torch.no_grad():
        for _ in range(max(1, repeats) + 1):  # the first one warms up
            started = time.perf_counter()
            sent = way.encoder(value)
            between = time.perf_counter()
            way.decoder(*sent)
            times.append((between - started, time.perf_counter() - between))
    encoding, decoding = np.median(times[1:], axis=0)
    return float(encoding), float(decoding)


@dataclass(frozen=True)
class CompressedPart:
    """A run of layers on one tier with what decodes its input and encodes its output.

    Attributes
    ----------
    module : torch.nn.Module
        Takes the tensors that the part before sends, and returns those that it sends itself, each a tuple; the first
        part takes the raw input, the last returns the result.
    tier : int
        Where it runs.
    units : tuple of str
        Names of its units; none where the device only encodes its raw input, or decodes the result.
    precision : str
        In which its output is sent; empty for the last part.
    """

    module: torch.nn.Module
    tier: int
    units: tuple[str, ...]
    precision: str


def compressed_parts(
    model: torch.nn.Module, decision: CompressedSplitDecision, precisions: Sequence[str], example_input: Any
) -> tuple[CompressedPart, ...]:
    """Cut a model as a decision says; each part decodes what it takes and encodes what it gives.

    Parameters
    ----------
    model : torch.nn.Module
        The network; the parts share its parameters.
    decision : CompressedSplitDecision
        Tier of each unit of the network's chain, and precision of each tensor.
    precisions : sequence of str
        Names of the precisions that the decision counts, as of :func:`~edgeopt.profiles.codecs.codec`.
    example_input : Any
        One inference.

    Returns
    -------
    tuple of CompressedPart
        The first and the last run on the device, where the raw input is and the result is wanted.

    Raises
    ------
    InvalidProblemError
        If the decision does not fit the chain, or counts a precision that is not given.
    """
    from torch import nn

    from .codecs import Between, codec

    for tensor, q in enumerate(decision.precision):
        if q >= len(precisions):
            raise InvalidProblemError(f"decision.precision[{tensor}] is {q}; {len(precisions)} precisions are given")
    runs: list[tuple[int, tuple[str, ...], Any]] = [
        (part.tier, part.units, part.module) for part in split_module(model, decision.tiers, example_input)
    ]
    if runs[0][0] != 0:
        runs.insert(0, (0, (), nn.Identity()))
    if runs[-1][0] != 0:
        runs.append((0, (), nn.Identity()))
    sent = [precisions[int(q)] for q in decision.precision if q >= 0]
    if len(sent) != len(runs) - 1:
        raise InvalidProblemError(f"decision.precision names {len(sent)} tensors, and {len(runs) - 1} cross")
    parts = []
    for k, (tier, units, module) in enumerate(runs):
        decoder = codec(sent[k - 1]).decoder if k else None
        encoder = codec(sent[k]).encoder if k < len(sent) else None
        name = sent[k] if k < len(sent) else ""
        parts.append(CompressedPart(Between(decoder, module, encoder), tier, units, name))
    return tuple(parts)
