"""The same optimum as ``selection`` for costs larger than memory: read in chunks, two or three times, bounded memory.

The bits of a float64 order like the number once its sign is folded in, so a histogram over their leading bits brackets
the threshold after one pass, with the count and the sum of every bin. A second pass gathers the bracketed benefits if
they are few; if they are many (heavy ties) it refines the histogram instead, and after the third all 64 bits are known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..formulations.offloading import LocalFractionMultiplier, OfflineOffloading, OffloadingDecision
from ..model.errors import EdgeOptError, InvalidOptionError, InvalidProblemError
from ..model.outcome import Options, Outcome, Status
from ..model.records import number
from ..model.solver import solver
from ..model.tolerance import least_count
from .selection import smallest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Benefits = Callable[[], Iterator[NDArray[np.float64]]]
    Pair = tuple[Any, Any]

CHUNK = 1 << 21
_BITS = 22
_GATHER = 4_000_000
_OVERFLOW = "local_cost and remote_cost are so large that their sum overflows float64; scale all costs down"


@dataclass(frozen=True, eq=False)
class StreamSelection:
    """Optimal offloading of a stream; the masks come chunk by chunk on request.

    Attributes
    ----------
    samples, local : int
        How many samples there are, and how many stay local.
    objective : float
        Optimal mean cost.
    multiplier : float
        Lagrange multiplier of the minimum local fraction.
    passes : int
        How often the stream was read.
    """

    samples: int
    local: int
    objective: float
    multiplier: float
    passes: int
    _threshold: float
    _ties: int
    _benefits: Benefits

    @property
    def local_fraction(self) -> float:
        """Fraction of samples that stay local."""
        return self.local / self.samples

    def masks(self) -> Iterator[NDArray[np.bool_]]:
        """Yield the decision of each chunk, in order; reads the stream once more."""
        ties = self._ties
        for benefit in self._benefits():
            mask = benefit < self._threshold
            tied = np.flatnonzero(benefit == self._threshold)[:ties]
            mask[tied] = True
            ties -= tied.size
            yield mask


def select_stream(
    local_cost: Any,
    remote_cost: Any = None,
    min_local_fraction: float = 0.0,
    transmission_cost: float = 0.0,
    *,
    chunk: int = CHUNK,
) -> StreamSelection:
    """Solve :class:`OfflineOffloading` for costs that do not fit into memory.

    Parameters
    ----------
    local_cost, remote_cost : (samples,) array
        Anything that can be sliced, e.g. ``numpy.memmap`` (read from its file, so that no mapped page stays resident).
        Or, as `local_cost` alone, an iterable of ``(local, remote)`` chunks that can be read again: a list, an object
        with ``__iter__``, or a function that returns a fresh iterator.
    min_local_fraction, transmission_cost : float
        As in :class:`OfflineOffloading`.
    chunk : int
        Samples per read.

    Raises
    ------
    InvalidProblemError
        If a cost is not finite (with its index), the lengths differ, there are no samples, or a one-time iterator is
        given.
    """
    fraction = number(min_local_fraction, "min_local_fraction", at_least=0.0, at_most=1.0)
    charge = number(transmission_cost, "transmission_cost")
    counted = _Counted(_pairs(local_cost, remote_cost, chunk), charge)
    found = _threshold(counted, fraction, _BITS)
    if found.samples == 0:
        raise InvalidProblemError("local_cost is empty; a problem needs at least one sample")
    objective = (counted.remote + found.total) / found.samples
    if not math.isfinite(objective):
        raise InvalidProblemError(_OVERFLOW)
    return StreamSelection(
        found.samples, found.local, objective, found.value, found.passes, found.value, found.ties, counted
    )


@dataclass(slots=True)
class _Counted:
    """The benefits of a stream, chunk by chunk, each time it is called; the remote costs are summed on the way.

    Attributes
    ----------
    pairs : callable
        Returns the chunks (local, remote) of costs.
    charge : float
        Cost of sending one sample.
    remote : float
        Sum of the remote costs with their charges.
    samples : int, optional
        How many there were the first time.
    """

    pairs: Callable[[], Iterable[Pair]]
    charge: float
    remote: float = 0.0
    samples: int | None = None

    def __call__(self) -> Iterator[NDArray[np.float64]]:
        self.remote, read = 0.0, 0
        for local, remote in _checked(self.pairs()):
            with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
                charged = np.add(remote, self.charge, dtype=np.float64)
                self.remote += float(charged.sum())
                benefit = np.subtract(local, charged, dtype=np.float64)
            if not (np.isfinite(self.remote) and np.isfinite(benefit.sum())):
                raise InvalidProblemError(f"{_OVERFLOW} (samples {read} to {read + benefit.size - 1})")
            read += benefit.size
            yield benefit
        if self.samples is None:
            self.samples = read
        if self.samples != read:
            raise InvalidProblemError(
                f"local_cost gave {self.samples} samples at first and {read} when it was read again; "
                "pass a function that returns a fresh iterator each time"
            )


@solver(
    "selection-stream",
    solves=OfflineOffloading,
    exact=True,
    rank=5,
    options=("time_limit", "relative_gap", "threads"),
    own_options=("chunk",),
)
def selection_stream(problem: OfflineOffloading, options: Options) -> Outcome:
    """Run the chunked selection on a problem in memory: `chunk` decisions at a time."""
    if refutation := problem.infeasibility_certificate():
        return Outcome(Status.INFEASIBLE, certificate=refutation)
    size = _chunk(options.extra.get("chunk", CHUNK), InvalidOptionError)
    benefit = problem.benefit
    found = _threshold(
        lambda: (benefit[start : start + size] for start in range(0, benefit.size, size)),
        problem.min_local_fraction,
        min(_BITS, max(8, benefit.size.bit_length())),
    )
    local = smallest(benefit, found.local, found.value)
    return Outcome.optimal(
        OffloadingDecision(local.reshape(problem.shape)), LocalFractionMultiplier(max(0.0, found.value))
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """How many decisions are local, their largest benefit and how many of them tie with it, the sum of theirs."""

    samples: int
    local: int
    value: float
    ties: int
    total: float
    passes: int


@dataclass(slots=True)
class _Bracket:
    """Keys that share their leading `bits` with `prefix`; what lies below them is counted and summed already."""

    prefix: int = 0
    bits: int = 0
    below: int = 0
    total: float = 0.0


def _threshold(benefits: Benefits, fraction: float, step: int) -> _Found:
    """Return the optimal number of local decisions, their largest benefit and the sum of their benefits.

    Every pass looks at the next `step` bits of the keys.
    """
    counts, sums = _histogram(benefits, _Bracket(), step)
    samples = int(counts.sum())
    wanted = least_count(fraction, samples)
    half = counts.size // 2  # keys of negative numbers
    if (negative := int(counts[:half].sum())) >= wanted:
        return _Found(samples, negative, 0.0, 0, float(sums[:half].sum()), 1)
    bracket, passes = _Bracket(), 1
    while True:
        inside = _narrow(bracket, counts, sums, wanted)
        if inside <= _GATHER or bracket.bits == 64:
            break
        counts, sums = _histogram(benefits, bracket, step)
        passes += 1
    rest = wanted - bracket.below
    if bracket.bits == 64:
        value = float(_number(np.array([bracket.prefix], dtype=np.uint64))[0])
        return _Found(samples, wanted, value, rest, bracket.total + rest * value, passes)
    candidates = np.concatenate([b[_inside(_keys(b), bracket)] for b in benefits()])
    candidates.partition(rest - 1)
    value, total = float(candidates[rest - 1]), bracket.total + float(candidates[:rest].sum())
    return _Found(samples, wanted, value, int(np.count_nonzero(candidates[:rest] == value)), total, passes + 1)


def _histogram(benefits: Benefits, bracket: _Bracket, step: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Count and sum the benefits inside `bracket` by the next bits of their keys."""
    width = min(step, 64 - bracket.bits)
    counts, sums = np.zeros(1 << width, np.int64), np.zeros(1 << width)
    for benefit in benefits():
        keys = _keys(benefit)
        if bracket.bits:
            chosen = _inside(keys, bracket)
            keys, benefit = keys[chosen], benefit[chosen]
        shift = np.uint64(64 - bracket.bits - width)
        index = ((keys >> shift) & np.uint64((1 << width) - 1)).astype(np.int64)
        counts += np.bincount(index, minlength=counts.size)
        sums += np.bincount(index, weights=benefit, minlength=counts.size)
    return counts, sums


def _narrow(bracket: _Bracket, counts: NDArray[np.int64], sums: NDArray[np.float64], wanted: int) -> int:
    """Move `bracket` to the bin that holds the `wanted`-th smallest benefit; return how many it holds."""
    reached = bracket.below + np.cumsum(counts)
    index = int(np.searchsorted(reached, wanted))
    width = counts.size.bit_length() - 1
    bracket.below = int(reached[index] - counts[index])
    bracket.total += float(sums[:index].sum())
    bracket.prefix = (bracket.prefix << width) | index
    bracket.bits += width
    return int(counts[index])


def _keys(benefit: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Unsigned integers that order like the numbers."""
    bits = (benefit + 0.0).view(np.uint64)  # + 0.0 turns -0.0 into 0.0: they are one number
    sign = np.uint64(1 << 63)
    return np.where(bits & sign, ~bits, bits | sign)


def _number(keys: NDArray[np.uint64]) -> NDArray[np.float64]:
    sign = np.uint64(1 << 63)
    return np.where(keys & sign, keys ^ sign, ~keys).view(np.float64)


def _inside(keys: NDArray[np.uint64], bracket: _Bracket) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (keys >> np.uint64(64 - bracket.bits)) == np.uint64(bracket.prefix)
    return inside


def _pairs(local_cost: Any, remote_cost: Any, chunk: int) -> Callable[[], Iterable[Pair]]:
    if remote_cost is None:
        if isinstance(local_cost, Iterator):
            raise InvalidProblemError(
                "local_cost is an iterator that can be read only once; pass a function that returns a fresh one"
            )
        return local_cost if callable(local_cost) else lambda: iter(local_cost)
    if np.ndim(local_cost) != 1 or np.shape(local_cost) != np.shape(remote_cost):
        raise InvalidProblemError(
            f"local_cost and remote_cost have shapes {np.shape(local_cost)} and {np.shape(remote_cost)}; "
            "expected the same (samples,)"
        )
    _chunk(chunk, InvalidProblemError)
    starts = range(0, len(local_cost), chunk)
    return lambda: ((_read(local_cost, s, chunk), _read(remote_cost, s, chunk)) for s in starts)


def _chunk(size: Any, error: type[EdgeOptError]) -> int:
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
        raise error(f"chunk is {size!r}; expected an integer of at least 1 sample")
    return int(size)


def _read(array: Any, start: int, chunk: int) -> Any:
    """Slice `array`; a memory map is read from its file, because mapped pages would stay resident."""
    whole = isinstance(array, np.memmap) and array.filename is not None and not isinstance(array.base, np.ndarray)
    # Changes of a copy-on-write map are in memory only.
    if not whole or not array.flags.c_contiguous or array.mode == "c":
        return np.asarray(array[start : start + chunk])
    count = min(chunk, array.size - start)
    return np.fromfile(array.filename, array.dtype, count, offset=array.offset + start * array.itemsize)


def _checked(pairs: Iterable[Pair]) -> Iterator[Pair]:
    start = 0
    for pair in pairs:
        try:
            local, remote = map(np.asarray, pair)
        except (TypeError, ValueError) as error:
            raise InvalidProblemError(
                f"the chunk at sample {start} is a {type(pair).__name__}; expected a pair of arrays (local, remote)"
            ) from error
        if local.ndim != 1 or local.shape != remote.shape:
            raise InvalidProblemError(f"the chunk at sample {start} has shapes {local.shape} and {remote.shape}")
        for name, part in (("local_cost", local), ("remote_cost", remote)):
            if part.dtype.kind not in "fiub":
                raise InvalidProblemError(f"{name} holds {part.dtype} values; expected real numbers")
            if not (finite := np.isfinite(part)).all():
                place = int(finite.argmin())
                raise InvalidProblemError(f"{name}[{start + place}] is {part[place]}; every cost must be finite")
        start += local.size
        yield local, remote
