"""Frames in flight: the rate of a split network is that of its slowest stage, device, link or server.

Where frames follow each other, each tier works on one while the links carry others (PipeDream, Narayanan et al. 2019;
for a device and a server DADS under heavy load, Hu et al. 2019). The period of the pipeline is its slowest stage and
the rate its inverse; the latency of one frame is the sum of all stages.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...model.cached import cached_property
from ...model.errors import InvalidProblemError
from ...model.problem import CertifiesInfeasibility, Decision, HasProgram, Sense
from ...model.records import assign, float_array, number, plain, read_only, record, require
from ..placement.data_flow import exec_times
from ..placement.held_bytes import layer_bytes
from ..placement.links import link_delays, rate_array, seconds_per_bit
from .certificate import NoPipeline
from .pipeline_program import pipeline_program
from .stages import Stages, first_layers, held
from .words import pipeline_demands, pipeline_explained, pipeline_words

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ...model.explanation import Bound, Explanation
    from ...model.kept import Floats, Integers, Kept, Names, OptionalFloats
    from ...model.program import Program

GOALS = ("period", "latency")
_ROUNDING = 1e-12
"""Part of a cap by which a sum of stages may exceed it: less than the judge excuses."""


@record
class PipelinedSplitDecision(Decision):
    """Where every layer runs.

    Attributes
    ----------
    tiers : (layers,) int
        Tier of each layer: 0 device, 1 edge, 2 cloud; they do not fall along the chain.
    """

    tiers: Integers

    def __post_init__(self) -> None:
        tiers = np.array(plain(self.tiers, "tiers"))
        assign(self, tiers=read_only(tiers))


@record
class PipelinedSplit(CertifiesInfeasibility, HasProgram[PipelinedSplitDecision]):
    """Place a chain of layers so that frames follow each other fast, or each is fast at a given rate.

    A stage is what a tier computes for one frame, or what a link carries for it in one direction. The period is the
    longest stage, the throughput its inverse, the latency the sum of the stages and of the links' delays. Tiers do not
    fall along the chain: a tier that is visited twice is one stage, whose time is no longer that of a block.

    Attributes
    ----------
    exec_time : (layers, tiers) float
        Execution time of each layer on each tier, seconds, >= 0; inf where a tier cannot run a layer.
    output_bits : (layers + 1,) float
        Bits of the raw input, then of each layer's output; the last is the result, which returns to the device.
    uplink_rate, backhaul_rate, downlink_rate, link_delay
        As in :class:`~edgeopt.StochasticSplit`; a delay adds to the latency, and keeps no link busy.
    max_latency : float, optional
        Largest latency of a frame, seconds, where the period is minimised.
    max_period : float, optional
        Largest period, seconds, where the latency is minimised: the inverse of the frame rate.
    goal : str
        What is minimised: ``"period"`` or ``"latency"``.
    memory : (tiers,) float, optional
        Bytes of each tier; inf where there is enough.
    weight_bytes, activation_bytes : (layers,) float, optional
        Bytes of each layer's weights, which stay on its tier, and of what is live while it runs; 0 by default. A tier
        needs all its weights and the largest of its activations.
    together : (pairs, 2) int, optional
        First and last layer of each run of layers that stay on one tier.
    half_duplex : bool
        Whether both directions of a link share it, so that it is one stage.
    names : tuple of str, optional
        Names of the layers.

    Raises
    ------
    InvalidProblemError
        If shapes disagree, a value is negative or nan, or a cap is given of what is minimised.

    Examples
    --------
    >>> problem = PipelinedSplit([[0.02, 0.01], [0.03, 0.01], [0.04, 0.01]], [1e6, 1e5, 2e5, 1e3], 1e7)
    >>> decision = PipelinedSplitDecision([0, 1, 1])
    >>> problem.period(decision), round(problem.latency(decision), 6)  # 0.02 + 0.01 + 0.02 + 0.0001
    (0.02, 0.0501)
    """

    exec_time: Floats
    output_bits: Floats
    uplink_rate: Floats
    backhaul_rate: OptionalFloats = None  # type: ignore[assignment]
    downlink_rate: OptionalFloats = None  # type: ignore[assignment]
    link_delay: Floats = 0.0  # type: ignore[assignment]
    max_latency: float | None = None
    max_period: float | None = None
    goal: str = "period"
    memory: Kept[NDArray[np.float64], ArrayLike | None] = None  # type: ignore[assignment]
    weight_bytes: Kept[NDArray[np.float64], ArrayLike | None] = None  # type: ignore[assignment]
    activation_bytes: Kept[NDArray[np.float64], ArrayLike | None] = None  # type: ignore[assignment]
    together: Integers = ()  # type: ignore[assignment]
    half_duplex: bool = False
    names: Names = ()  # type: ignore[assignment]

    sense: ClassVar[Sense] = Sense.MINIMIZE
    integral: ClassVar[bool] = True
    mixed: ClassVar[bool] = True

    def __post_init__(self) -> None:
        times = exec_times(self.exec_time)
        layers, tiers = times.shape
        bits = float_array(self.output_bits, "output_bits")
        if bits.shape != (layers + 1,):
            raise InvalidProblemError(
                f"output_bits has shape {bits.shape}; expected ({layers + 1},): the raw input, then each layer's output"
            )
        require("output_bits", bits, bits >= 0, "must be a number of bits, >= 0")
        rates = {
            name: None if (value := getattr(self, name)) is None else rate_array(value, name)
            for name in ("uplink_rate", "backhaul_rate", "downlink_rate")
        }
        for name in ("uplink_rate", "downlink_rate"):
            if (rate := rates[name]) is not None and rate.ndim:
                raise InvalidProblemError(f"{name} has shape {rate.shape}; a pipelined split has no batch axis")
        names = tuple(str(name) for name in self.names)
        if names and len(names) != layers:
            raise InvalidProblemError(f"names has {len(names)} entries; expected {layers}, one for each layer")
        delays = link_delays(self.link_delay, tiers - 1)
        assign(self, exec_time=times, output_bits=bits, link_delay=delays, names=names, **rates)
        self._read_caps()
        self._read_memory(layers, tiers)
        assign(self, together=_runs(self.together, layers))
        _ = self.stages

    def _read_caps(self) -> None:
        if self.goal not in GOALS:
            raise InvalidProblemError(f"goal is {self.goal!r}; expected 'period' or 'latency'")
        if not isinstance(self.half_duplex, (bool, np.bool_)):
            raise InvalidProblemError(f"half_duplex is {self.half_duplex!r}; expected True or False")
        if getattr(self, f"max_{self.goal}") is not None:
            raise InvalidProblemError(
                f"max_{self.goal} is given, and the {self.goal} is what is minimised; leave it out"
            )
        for name in ("max_latency", "max_period"):
            if (value := getattr(self, name)) is not None:
                assign(self, **{name: number(value, name, at_least=0.0)})

    def _read_memory(self, layers: int, tiers: int) -> None:
        for name in ("weight_bytes", "activation_bytes"):
            value = getattr(self, name)
            assign(self, **{name: layer_bytes(np.zeros(layers) if value is None else value, name, layers)})
        memory = float_array(np.full(tiers, np.inf) if self.memory is None else self.memory, "memory", finite=False)
        if memory.shape != (tiers,):
            raise InvalidProblemError(f"memory has shape {memory.shape}; expected ({tiers},), one for each tier")
        require("memory", memory, memory >= 0, "must be a number of bytes, >= 0, or inf")
        assign(self, memory=memory)

    @classmethod
    def of(cls, chain: Any, devices: Sequence[Any], uplink_rate: Any, **rest: Any) -> PipelinedSplit:
        """Return the problem of a network's chain of units, their times predicted by one device model for each tier.

        Parameters
        ----------
        chain : Chain
            ``LayerTable.chain()``.
        devices : sequence of DeviceModel
            One for each tier, the device first.
        uplink_rate, **rest
            The other fields; by default weights of four bytes a parameter, and as live activations what a unit reads
            and what it gives.

        Raises
        ------
        InvalidProblemError
            If the work of an operation in the chain is not known, or a device model has nothing for a kind of layer.
        """
        chain.table.require_counted()
        layers = chain.frame()
        times = np.stack([chain.total(device.predict(layers).seconds) for device in devices], axis=1)
        given = {
            "names": tuple(chain.names),
            "weight_bytes": chain.total(4.0 * layers["parameters"].to_numpy(float)),
            "activation_bytes": (chain.output_bits[:-1] + chain.output_bits[1:]) / 8.0,
        }
        return cls(times, chain.output_bits, uplink_rate, **(given | rest))

    @property
    def layers(self) -> int:
        """Number of layers."""
        return int(self.exec_time.shape[0])

    @property
    def tiers(self) -> int:
        """Number of tiers."""
        return int(self.exec_time.shape[1])

    @cached_property
    def per_link(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(tiers - 1,) seconds per bit over each link, away from the device and towards it."""
        return seconds_per_bit(self.uplink_rate, self.downlink_rate, self.backhaul_rate, self.tiers)

    @cached_property
    def stages(self) -> Stages:
        """Times of blocks and links.

        Raises
        ------
        InvalidProblemError
            If latencies are beyond float64.
        """
        times = np.where(np.isfinite(self.exec_time), self.exec_time, 0.0)
        work = np.zeros((self.tiers, self.layers + 1))
        np.cumsum(times.T, axis=1, out=work[:, 1:])
        out, back = self._links()
        slowest = out + back if self.half_duplex else np.maximum(out, back)
        crossing = out + back + 2.0 * self.link_delay[:, None]
        if not work.max() + crossing.max(axis=1).sum() < 1e300:
            raise InvalidProblemError(
                "exec_time, output_bits and rates give latencies beyond float64; change the units"
            )
        cuts = np.ones(self.layers + 1, bool)
        for first, last in self.together:
            cuts[first + 1 : last + 1] = False
        cuts[-1] = False
        first = first_layers(self.exec_time, self.weight_bytes, self.activation_bytes, self.room)
        return Stages(work, first, crossing, slowest, cuts)

    def _links(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(links, layers + 1) seconds of the tensor at each cut over each link, and of the result on its way back."""
        up, down = self.per_link
        with np.errstate(over="ignore"):
            out = up[:, None] * self.output_bits
            back = np.broadcast_to((down * self.output_bits[-1])[:, None], out.shape)
        return out, back

    @property
    def room(self) -> NDArray[np.float64]:
        """(tiers,) bytes of each tier, and what a sum of bytes may exceed them by rounding."""
        return self.memory * (1.0 + _ROUNDING)

    @property
    def allowed(self) -> float:
        """Seconds by which sums of stages may exceed a cap by rounding."""
        cap = self.max_latency if self.goal == "period" else self.max_period
        return _ROUNDING * (cap or 0.0)

    def check(self, decision: PipelinedSplitDecision) -> None:
        """Raise unless `decision` has one tier for each layer, which do not fall along the chain."""
        if not isinstance(decision, PipelinedSplitDecision):
            raise InvalidProblemError(f"decision is a {type(decision).__name__}; expected a PipelinedSplitDecision")
        tiers = decision.tiers
        if tiers.shape != (self.layers,) or tiers.dtype.kind not in "iu":
            raise InvalidProblemError(
                f"decision.tiers is {tiers.dtype} of shape {tiers.shape}; expected integers of shape ({self.layers},)"
            )
        require("decision.tiers", tiers, (tiers >= 0) & (tiers < self.tiers), f"must lie from 0 to {self.tiers - 1}")
        rises = np.r_[True, tiers[1:] >= tiers[:-1]]
        require("decision.tiers", tiers, rises, "must be at least the tier before: a tier is visited once")

    def cut_of(self, decision: PipelinedSplitDecision) -> NDArray[np.intp]:
        """(tiers + 1,) layers that have run before each tier begins, and when all have ended."""
        return np.searchsorted(decision.tiers, np.arange(self.tiers + 1))

    def stage_times(self, decision: PipelinedSplitDecision) -> NDArray[np.float64]:
        """(3 tiers - 2,) seconds of each tier's block, then of each link away from the device, and back."""
        cut, links = self.cut_of(decision), np.arange(self.tiers - 1)
        used = cut[1:-1] < self.layers
        out, back = (np.where(used, times[links, cut[1:-1]], 0.0) for times in self._links())
        own = [self.exec_time[cut[k] : cut[k + 1], k].sum() for k in range(self.tiers)]
        times: NDArray[np.float64] = np.r_[own, out, back]
        return times

    def period(self, decision: PipelinedSplitDecision) -> float:
        """Seconds from one frame to the next: the longest stage."""
        times, links = self.stage_times(decision), self.tiers - 1
        if self.half_duplex:
            times = np.r_[times[: self.tiers], times[self.tiers : -links] + times[-links:]]
        return float(times.max())

    def latency(self, decision: PipelinedSplitDecision) -> float:
        """Seconds of one frame."""
        used = self.cut_of(decision)[1:-1] < self.layers
        return float(self.stage_times(decision).sum() + 2.0 * self.link_delay[used].sum())

    def objective(self, decision: PipelinedSplitDecision) -> float:
        """Period or latency in seconds, as the goal says."""
        return self.period(decision) if self.goal == "period" else self.latency(decision)

    def magnitude(self, decision: PipelinedSplitDecision) -> float:
        """Return the latency: stages are sums of its terms, which have one sign."""
        return self.objective(decision)

    def violations(self, decision: PipelinedSplitDecision) -> dict[str, float]:
        """Return what runs where it cannot, memories and caps that are exceeded, and layers that are torn apart."""
        cut, found = self.cut_of(decision), dict[str, float]()
        if not np.isfinite(self.exec_time[np.arange(self.layers), decision.tiers]).all():
            return {"exec_time": math.inf}
        for k in range(self.tiers):
            need = held(self.weight_bytes, self.activation_bytes, cut[k], cut[k + 1])
            if need > self.room[k]:
                excess = float((need - self.memory[k]) / max(1.0, self.memory[k]))
                found["memory"] = max(found.get("memory", 0.0), excess)
        if (decision.tiers[self.together[:, 0]] != decision.tiers[self.together[:, 1]]).any():
            found["together"] = 1.0
        for name, value in (("max_latency", self.latency), ("max_period", self.period)):
            if (most := getattr(self, name)) is not None and (excess := value(decision) - most) > self.allowed:
                found[name] = float(excess / max(1.0, most))
        return found

    def infeasibility_certificate(self) -> NoPipeline | None:
        """Return a proof that no placement keeps memory, co-location and caps, or None where one does."""
        return NoPipeline.of(self)

    @cached_property
    def _program(self) -> Program:
        return pipeline_program(self)

    def program(self) -> Program:
        """Return the placement by which layers lie beyond each link, and the period above all stages."""
        return self._program

    def decode(self, point: NDArray[np.float64]) -> PipelinedSplitDecision:
        """Decision of a point (columns,)."""
        return PipelinedSplitDecision((point[:-1].reshape(self.layers, self.tiers - 1) > 0.5).sum(axis=1))

    def encode(self, decision: PipelinedSplitDecision) -> NDArray[np.float64]:
        """Point (columns,) of a decision."""
        beyond = decision.tiers[:, None] > np.arange(self.tiers - 1)
        point: NDArray[np.float64] = np.r_[beyond.ravel().astype(float), self.period(decision)]
        return point

    def words(self, columns: Any) -> dict[str, Any]:
        """Return ``runs`` (layers, tiers), 1 where a layer runs on a tier, ``latency`` and ``period`` in seconds.

        ``period`` may be bounded from above only: its column may lie above the longest stage.
        """
        return pipeline_words(self, columns)

    def in_words(self, bounds: Sequence[Bound]) -> list[str]:
        """Return the demands behind bounds of the program."""
        return pipeline_demands(self, bounds)

    def explain(self) -> Explanation:
        """Say which demands no placement keeps, and the cheapest change of memory and caps."""
        return pipeline_explained(self)

    def __repr__(self) -> str:
        return f"PipelinedSplit({self.layers} layers, {self.tiers} tiers, least {self.goal})"


def _runs(value: Any, layers: int) -> NDArray[np.int64]:
    """Return (pairs, 2) first and last layers.

    Raises
    ------
    InvalidProblemError
        If a pair is no run of layers.
    """
    given = plain(value, "together")
    if given.size == 0:
        return read_only(np.zeros((0, 2), np.int64))
    if given.ndim != 2 or given.shape[1] != 2 or given.dtype.kind not in "iu":
        raise InvalidProblemError(
            f"together is {given.dtype} of shape {given.shape}; expected (pairs, 2) integers: first and last layer"
        )
    for k, (first, last) in enumerate(given.tolist()):
        if not 0 <= first <= last < layers:
            raise InvalidProblemError(
                f"together[{k}] is ({first}, {last}); expected a first and a last layer from 0 to {layers - 1}"
            )
    return read_only(given.astype(np.int64))
