"""Where a network is cut, and in which precision each tensor crosses: cut and compression are decided together.

Quantising what crosses a cut saves time on the link and costs accuracy (JALAD, Li et al. 2018; Edgent and Neurosurgeon
send every tensor as it is). The best precision at the cut of the uncompressed network leaves better cuts unseen, so
both are one decision: for every tensor of the chain, whether it crosses, over which links, and in which precision.
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
from ..placement.energy import all_powers
from ..placement.links import between_tiers, link_delays, rate_array, seconds_per_bit
from .certificate import NothingFits
from .moves import Caps, move_columns, path_of, path_program
from .words import compressed_demands, compressed_explained, compressed_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.explanation import Bound, Explanation
    from ...model.kept import Floats, Integers, Names, OptionalFloats
    from ...model.program import Program

GOALS = ("latency", "energy")


@record
class CompressedSplitDecision(Decision):
    """Where every layer runs, and in which precision every tensor crosses.

    Attributes
    ----------
    tiers : (layers,) int
        Tier of each layer: 0 device, 1 edge, 2 cloud.
    precision : (layers + 1,) int
        Precision in which each tensor is sent, the raw input first and the result last; -1 where it stays on its tier.
    """

    tiers: Integers
    precision: Integers

    def __post_init__(self) -> None:
        for name in ("tiers", "precision"):
            array = np.array(plain(getattr(self, name), name))
            assign(self, **{name: read_only(array)})


@record
class CompressedSplit(CertifiesInfeasibility, HasProgram[CompressedSplitDecision]):
    """Place a chain of layers and choose a precision for each tensor that crosses, above an accuracy floor.

    The latency is the execution time of all layers plus, for each tensor that changes tiers, its encoding where it was
    made, its bits over each link on the way, and its decoding where it is read. The raw input starts on the device and
    the result returns to it. Losses of accuracy add up over the tensors that cross: measure whether they do
    (:func:`~edgeopt.profiles.compression.measure_losses`), as no search that compares beginnings of a placement by
    their sums is exact otherwise.

    Attributes
    ----------
    exec_time : (layers, tiers) float
        Execution time of each layer on each tier, seconds, >= 0; inf where a tier cannot run a layer.
    sent_bits : (layers + 1, precisions) float
        Bits of the raw input, then of each layer's output, in each precision.
    loss : (layers + 1, precisions) float
        Accuracy that is lost where the tensor crosses in that precision, in the unit of `accuracy`; a measured one may
        be negative. inf where the tensor cannot be sent so.
    accuracy, accuracy_floor : float
        Of the whole network without compression, and the least that is accepted.
    uplink_rate, backhaul_rate, downlink_rate, link_delay
        As in :class:`~edgeopt.StochasticSplit`.
    encode_time, decode_time : (layers + 1, precisions, tiers) float, optional
        Seconds that a tier takes to encode the tensor, and to decode it; 0 by default.
    compute_power, radio_power, receive_power : float or array, optional
        Watts, as for :func:`~edgeopt.analysis.energy_fronts.energy_front`; without them no energy is known.
    max_energy, max_latency : float, optional
        Largest energy in joule where the latency is minimised, largest latency in seconds where the energy is.
    goal : str
        What is minimised: ``"latency"`` or ``"energy"``.
    precisions, names : tuple of str, optional
        Names of the precisions, and of the layers.

    Raises
    ------
    InvalidProblemError
        If shapes disagree, a time or size is negative or nan, or a cap is given of what is minimised.

    Examples
    --------
    >>> problem = CompressedSplit(
    ...     exec_time=[[0.02, 0.002], [0.10, 0.01]],
    ...     sent_bits=[[8e5, 8e5], [3.2e5, 8e4], [1e3, 1e3]],
    ...     loss=[[0.0, 0.0], [0.0, 0.004], [0.0, 0.0]],
    ...     uplink_rate=4e6, accuracy=0.78, accuracy_floor=0.77, precisions=("float32", "int8"),
    ... )
    >>> problem.latency(CompressedSplitDecision([0, 1], [-1, 1, 0]))  # 0.02 + 8e4 / 4e6 + 0.01 + 1e3 / 4e6
    0.05025
    """

    exec_time: Floats
    sent_bits: Floats
    loss: Floats
    uplink_rate: Floats
    backhaul_rate: OptionalFloats = None  # type: ignore[assignment]
    downlink_rate: OptionalFloats = None  # type: ignore[assignment]
    link_delay: Floats = 0.0  # type: ignore[assignment]
    accuracy: float = 1.0
    accuracy_floor: float = 0.0
    encode_time: OptionalFloats = None  # type: ignore[assignment]
    decode_time: OptionalFloats = None  # type: ignore[assignment]
    compute_power: OptionalFloats = None  # type: ignore[assignment]
    radio_power: OptionalFloats = None  # type: ignore[assignment]
    receive_power: OptionalFloats = None  # type: ignore[assignment]
    max_energy: float | None = None
    max_latency: float | None = None
    goal: str = "latency"
    precisions: Names = ()  # type: ignore[assignment]
    names: Names = ()  # type: ignore[assignment]

    sense: ClassVar[Sense] = Sense.MINIMIZE
    integral: ClassVar[bool] = True

    def __post_init__(self) -> None:
        times = exec_times(self.exec_time)
        layers, tiers = times.shape
        assign(self, exec_time=times)
        self._read_tensors(layers, tiers)
        rates = {
            name: None if (value := getattr(self, name)) is None else rate_array(value, name)
            for name in ("uplink_rate", "backhaul_rate", "downlink_rate")
        }
        for name in ("uplink_rate", "downlink_rate"):
            if (rate := rates[name]) is not None and rate.ndim:
                raise InvalidProblemError(f"{name} has shape {rate.shape}; a compressed split has no batch axis")
        assign(
            self,
            link_delay=link_delays(self.link_delay, tiers - 1),
            accuracy=number(self.accuracy, "accuracy"),
            accuracy_floor=number(self.accuracy_floor, "accuracy_floor"),
            **rates,
        )
        self._read_caps(tiers)
        _ = self.moves

    def _read_tensors(self, layers: int, tiers: int) -> None:
        bits = float_array(self.sent_bits, "sent_bits", ndim=2)
        if bits.shape[0] != layers + 1 or not bits.shape[1]:
            raise InvalidProblemError(
                f"sent_bits has shape {bits.shape}; expected ({layers + 1}, precisions): the raw input, then each "
                "layer's output"
            )
        require("sent_bits", bits, bits >= 0, "must be a number of bits, >= 0")
        given = plain(self.loss, "loss")
        if given.ndim != 2 or given.shape != bits.shape:
            raise InvalidProblemError(
                f"loss has shape {given.shape}; expected {bits.shape}, one for each tensor and precision: losses must "
                "add up over the tensors that cross, so one that depends on several of them has no place here"
            )
        loss = float_array(given, "loss", ndim=2, finite=False)
        require("loss", loss, loss > -np.inf, "must be a loss of accuracy, or inf where the tensor cannot be sent so")
        assign(self, sent_bits=bits, loss=loss)
        for name in ("encode_time", "decode_time"):
            if (value := getattr(self, name)) is not None:
                array = float_array(value, name, ndim=3)
                if array.shape != (*bits.shape, tiers):
                    raise InvalidProblemError(f"{name} has shape {array.shape}; expected {(*bits.shape, tiers)}")
                require(name, array, array >= 0, "must be a time in seconds, >= 0")
                assign(self, **{name: array})
        for name, wanted in (("precisions", bits.shape[1]), ("names", layers)):
            words = tuple(str(word) for word in getattr(self, name))
            if words and len(words) != wanted:
                raise InvalidProblemError(f"{name} has {len(words)} entries; expected {wanted}")
            assign(self, **{name: words})

    def _read_caps(self, tiers: int) -> None:
        if self.goal not in GOALS:
            raise InvalidProblemError(f"goal is {self.goal!r}; expected 'latency' or 'energy'")
        if (self.compute_power is None) != (self.radio_power is None):
            raise InvalidProblemError("compute_power and radio_power belong together: give both, in watts, or neither")
        known = self.compute_power is not None
        if known:
            computing, sending, receiving = all_powers(self.compute_power, self.radio_power, self.receive_power, tiers)
            read_only(computing), read_only(sending), read_only(receiving)
            assign(self, compute_power=computing, radio_power=sending, receive_power=receiving)
        if not known and (self.goal == "energy" or self.max_energy is not None):
            raise InvalidProblemError("an energy needs compute_power and radio_power, in watts")
        if getattr(self, f"max_{self.goal}") is not None:
            raise InvalidProblemError(f"max_{self.goal} is given, and {self.goal} is what is minimised; leave it out")
        for name in ("max_energy", "max_latency"):
            if (value := getattr(self, name)) is not None:
                assign(self, **{name: number(value, name, at_least=0.0)})

    @classmethod
    def of(cls, chain: Any, devices: Sequence[Any], uplink_rate: Any, compression: Any, **rest: Any) -> CompressedSplit:
        """Return the problem of a network's chain of units, their times predicted by one device model for each tier.

        Parameters
        ----------
        chain : Chain
            ``LayerTable.chain()``.
        devices : sequence of DeviceModel
            One for each tier, the device first.
        compression : Compression
            What :func:`~edgeopt.profiles.compression.measure_losses` returns: bits, losses and coding times.
        uplink_rate, **rest
            The other fields.

        Raises
        ------
        InvalidProblemError
            If the work of an operation in the chain is not known, or the compression is that of another chain.
        """
        chain.table.require_counted()
        layers = chain.frame()
        times = np.stack([chain.total(device.predict(layers).seconds) for device in devices], axis=1)
        if tuple(chain.names) != compression.units:
            raise InvalidProblemError("compression was measured on another chain of units than this one")
        given = {"names": tuple(chain.names), "accuracy": compression.accuracy, "precisions": compression.precisions}
        return cls(times, compression.sent_bits, compression.loss, uplink_rate, **(given | rest))

    @property
    def layers(self) -> int:
        """Number of layers."""
        return int(self.exec_time.shape[0])

    @property
    def tiers(self) -> int:
        """Number of tiers."""
        return int(self.exec_time.shape[1])

    @cached_property
    def _per_link(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(tiers - 1,) seconds per bit over each link, away from the device and towards it."""
        return seconds_per_bit(self.uplink_rate, self.downlink_rate, self.backhaul_rate, self.tiers)

    def _moves(self, running: NDArray[np.float64], per_bit: Any, per_crossing: Any, coding: Any) -> NDArray[np.float64]:
        """(tensors, tiers, tiers, precisions) sums of reading layers, of bits, of crossings and of coding."""
        tensors, tiers = self.layers + 1, self.tiers
        moves = np.zeros((tensors, tiers, tiers, self.sent_bits.shape[1]))
        moves += self.sent_bits[:, None, None] * per_bit[:, :, None] + per_crossing[:, :, None]
        for seconds, axis in ((self.encode_time, 2), (self.decode_time, 1)):
            if seconds is not None:
                moves += np.expand_dims(np.swapaxes(seconds * coding, 1, 2), axis)
        stays = np.arange(tiers)
        moves[:, stays, stays] = 0.0
        moves[:-1] += running[:, None, :, None]
        return moves

    @cached_property
    def seconds(self) -> NDArray[np.float64]:
        """(tensors, tiers, tiers, precisions) time of each move; inf where the reader cannot run."""
        up, down = self._per_link
        between = between_tiers(up, down), between_tiers(self.link_delay, self.link_delay)
        with np.errstate(over="ignore"):
            return self._moves(self.exec_time, *between, np.ones(self.tiers))

    @cached_property
    def joules(self) -> NDArray[np.float64]:
        """The same energies; a fixed delay of a link costs none.

        Raises
        ------
        InvalidProblemError
            If the powers are not known.
        """
        if self.compute_power is None or self.radio_power is None or self.receive_power is None:
            raise InvalidProblemError("energy needs compute_power and radio_power, in watts; give them to the problem")
        up, down = self._per_link
        per_bit = between_tiers(up * self.radio_power, down * self.receive_power)
        running = np.where(np.isfinite(self.exec_time), self.exec_time, 0.0) * self.compute_power
        return self._moves(running, per_bit, np.zeros_like(per_bit), self.compute_power)

    @cached_property
    def lost(self) -> NDArray[np.float64]:
        """The same losses of accuracy; 0 where a tensor stays."""
        shape = (self.layers + 1, self.tiers, self.tiers, self.loss.shape[1])
        lost = np.broadcast_to(self.loss[:, None, None], shape).copy()
        stays = np.arange(self.tiers)
        lost[:, stays, stays] = 0.0
        return lost

    @cached_property
    def moves(self) -> Caps:
        """Cost and capped weights of the moves that are possible.

        Raises
        ------
        InvalidProblemError
            If latencies are beyond float64.
        """
        possible = np.isfinite(self.lost) & np.isfinite(self.seconds)
        stays = np.arange(self.tiers)
        possible[:, stays, stays, 1:] = False  # a tensor that stays has no precision
        possible[0, 1:], possible[-1, :, 1:] = False, False  # the input is on the device, the result returns to it
        seconds = np.where(possible, self.seconds, 0.0)
        if not seconds.max(axis=(1, 2, 3)).sum() < 1e300:
            raise InvalidProblemError("exec_time, sent_bits and rates give latencies beyond float64; change the units")
        capped = [("accuracy_floor", self.lost, self.accuracy - self.accuracy_floor)]
        for name, of in (("max_energy", "joules"), ("max_latency", "seconds")):
            if (most := getattr(self, name)) is not None:
                capped.append((name, getattr(self, of), most))
        cost = self.seconds if self.goal == "latency" else self.joules
        return Caps.of(np.where(possible, cost, np.inf), capped)

    def check(self, decision: CompressedSplitDecision) -> None:
        """Raise unless `decision` has a tier for each layer, and a precision just where a tensor crosses."""
        if not isinstance(decision, CompressedSplitDecision):
            raise InvalidProblemError(f"decision is a {type(decision).__name__}; expected a CompressedSplitDecision")
        for name, size, low, end in (
            ("tiers", self.layers, 0, self.tiers),
            ("precision", self.layers + 1, -1, self.sent_bits.shape[1]),
        ):
            array = getattr(decision, name)
            if array.shape != (size,) or array.dtype.kind not in "iu":
                raise InvalidProblemError(
                    f"decision.{name} is {array.dtype} of shape {array.shape}; expected integers of shape ({size},)"
                )
            require(f"decision.{name}", array, (array >= low) & (array < end), f"must lie from {low} to {end - 1}")
        path = np.r_[0, decision.tiers, 0]
        agrees = (path[1:] == path[:-1]) == (decision.precision < 0)
        require("decision.precision", decision.precision, agrees, "must be -1 where the tensor stays, and only there")

    def _sum(self, moves: NDArray[np.float64], decision: CompressedSplitDecision) -> float:
        return float(moves[path_of(decision.tiers, decision.precision)].sum())

    def latency(self, decision: CompressedSplitDecision) -> float:
        """Seconds from the raw input to the result on the device."""
        return self._sum(self.seconds, decision)

    def energy(self, decision: CompressedSplitDecision) -> float:
        """Joules of computing, coding, sending and receiving."""
        return self._sum(self.joules, decision)

    def accuracy_of(self, decision: CompressedSplitDecision) -> float:
        """Accuracy that is left of the network's own."""
        return self.accuracy - self._sum(self.lost, decision)

    def objective(self, decision: CompressedSplitDecision) -> float:
        """Latency in seconds, or energy in joule, as the goal says."""
        return self.latency(decision) if self.goal == "latency" else self.energy(decision)

    def magnitude(self, decision: CompressedSplitDecision) -> float:
        """Return the objective itself: all its terms have one sign."""
        return self.objective(decision)

    def violations(self, decision: CompressedSplitDecision) -> dict[str, float]:
        """Return moves that are not possible, and caps that are exceeded."""
        path, moves = path_of(decision.tiers, decision.precision), self.moves
        if not moves.possible[path].all():
            run = np.isfinite(self.exec_time[np.arange(self.layers), decision.tiers]).all()
            return {"loss" if run else "exec_time": math.inf}
        found = {}
        for name, weight, cap, allowed in zip(moves.names, moves.weights, moves.caps, moves.allowed, strict=True):
            if (excess := float(weight[path].sum()) - cap) > allowed:
                found[name] = float(excess / max(1.0, abs(cap)))
        return found

    def infeasibility_certificate(self) -> NothingFits | None:
        """Return a proof that no placement keeps all caps, or None where one does."""
        return NothingFits.of(self.moves)

    @cached_property
    def _program(self) -> Program:
        return path_program(self.moves, "compressed_split")

    def program(self) -> Program:
        """Return the placement as a flow: a binary for each tensor, tier before, tier behind and precision."""
        return self._program

    def decode(self, point: NDArray[np.float64]) -> CompressedSplitDecision:
        """Decision of a binary point (columns,)."""
        tensor, before, here, precision = move_columns(self.moves.possible)
        tiers, sent = np.zeros(self.layers + 1, np.int64), np.full(self.layers + 1, -1)
        used = np.flatnonzero(point > 0.5)
        tiers[tensor[used]] = here[used]
        sent[tensor[used]] = np.where(before[used] == here[used], -1, precision[used])
        return CompressedSplitDecision(tiers[:-1], sent)

    def encode(self, decision: CompressedSplitDecision) -> NDArray[np.float64]:
        """Binary point (columns,) of a decision."""
        taken = np.zeros(self.moves.cost.shape)
        taken[path_of(decision.tiers, decision.precision)] = 1.0
        return taken[self.moves.possible]

    def words(self, columns: Any) -> dict[str, Any]:
        """Return ``runs``, ``held(…)``, ``sent``, ``latency``, ``lost`` and, where powers are known, ``energy``.

        ``runs`` (layers, tiers) is 1 where a layer runs on a tier, ``sent`` (tensors, precisions) where a tensor
        crosses in a precision. ``latency`` is in seconds, ``energy`` in joule, ``lost`` in the unit of `accuracy`.
        ``held(weight_bytes, activation_bytes=None)`` is that of :class:`~edgeopt.GraphSplit`.
        """
        return compressed_words(self, columns)

    def in_words(self, bounds: Sequence[Bound]) -> list[str]:
        """Return the demands behind bounds of the program."""
        return compressed_demands(self, bounds)

    def explain(self) -> Explanation:
        """Say which caps no placement keeps, and the cheapest change of them."""
        return compressed_explained(self)

    def __repr__(self) -> str:
        ways = self.sent_bits.shape[1]
        return f"CompressedSplit({self.layers} layers, {self.tiers} tiers, {ways} precision{'s' * (ways > 1)})"
