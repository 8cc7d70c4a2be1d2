"""What a remote decision sends: features or the demand itself, in which precision, and what that costs.

Giannakas et al. (2025, III-C) expect features z to relieve the link, since their size depends on the network alone.
Whether they do is a question of sizes. With "conv3d" z has 256 numbers, the past D of M series over N slots has
``M * N``; a cloud that is sent every slot keeps the past by itself, and needs the M newest numbers. All three give the
same answer: F0 can run in the cloud as well.

The cloud returns what its block says. The edge adds the latest demand where exits are corrections, and keeps to its
budget: neither needs anything else from the link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from ..model.errors import InvalidOptionError, InvalidProblemError
from ..model.records import number
from ..profiles.capture.work import count_work
from ..profiles.codecs import Codec, codec
from ..profiles.own_costs import check_cost
from .budgets import set_aside

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

    from ..profiles.latency import ExitTimes
    from ..profiles.own_costs import Cost
    from .ddnn import DDNN

Sent = Literal["features", "past", "latest"]
PRECISIONS = ("float32", "float16", "int8", "top-k:0.1")


@dataclass(frozen=True)
class Payload:
    """One way to get a remote decision.

    Attributes
    ----------
    sent : {"features", "past", "latest"}
        What goes up: z of all sites; the whole past D; or the newest slot, in every slot, also before local decisions.
    codec : str
        Precision of what goes up (:func:`edgeopt.profiles.codecs.codec`).
    numbers : int
        How many numbers that is.
    bits : int
        Bits that go up, with scales and places.
    answer_bits : int
        Bits that come back: 32 for each series.
    edge_macs, cloud_macs : float
        Multiply-accumulates of a remote decision on both sides.
    cost : float
        Mean exact cost of the remote exit, given what arrives.
    """

    sent: Sent
    codec: str
    numbers: int
    bits: int
    answer_bits: int
    edge_macs: float
    cloud_macs: float
    cost: float

    def transfer_time(self, uplink_rate: float, downlink_rate: float | None = None) -> float:
        """Return the seconds on the link of a remote decision, at rates in bit/s; both are equal by default.

        Raises
        ------
        InvalidProblemError
            If a rate is not above 0.
        """
        down = uplink_rate if downlink_rate is None else downlink_rate
        for name, rate in (("uplink_rate", uplink_rate), ("downlink_rate", down)):
            if not number(rate, name, at_least=0.0) > 0:
                raise InvalidProblemError(f"{name} is {rate}; expected a rate above 0, bit/s")
        return self.bits / uplink_rate + self.answer_bits / down

    def times(self, times: ExitTimes, uplink_rate: float, downlink_rate: float | None = None) -> ExitTimes:
        """Return the part times with this transfer added to the round trip, which both papers take as it is.

        Where the past is sent, F0 is counted where `times` has it.
        """
        return replace(times, round_trip=times.round_trip + self.transfer_time(uplink_rate, downlink_rate))

    def uplink_traffic(self, local_fraction: float, slot: float) -> float:
        """Return the mean bit/s that go up where this share of the decisions is local, one decision in `slot` seconds.

        Raises
        ------
        InvalidProblemError
            If the share is outside [0, 1], or the slot not positive.
        """
        share = number(local_fraction, "local_fraction", at_least=0.0, at_most=1.0)
        if not number(slot, "slot", at_least=0.0) > 0:
            raise InvalidProblemError(f"slot is {slot}; expected seconds above 0")
        return self.bits * (1.0 if self.sent == "latest" else 1.0 - share) / slot


def payloads(
    model: DDNN, past: ArrayLike, demand: ArrayLike, cost: Cost, codecs: Sequence[str] = PRECISIONS
) -> list[Payload]:
    """Return every way to get a remote decision of a trained network, priced on samples.

    Parameters
    ----------
    past, demand : (samples, series, window) and (samples, series) float
        Samples that training has not seen.
    cost : Cost
        What is paid.
    codecs : sequence of str
        Precisions of what goes up.

    Returns
    -------
    list of Payload
        Features first (not for a network whose cloud reads the demand), then the past, then the latest slot.

    Raises
    ------
    InvalidProblemError
        If samples and demands do not match or a codec is unknown.
    InvalidOptionError
        If the cost does not price each series.
    """
    given = torch.from_numpy(np.ascontiguousarray(past, dtype=np.float32))
    wanted = np.asarray(demand, dtype=np.float64)
    if given.ndim != 3 or wanted.shape != tuple(given.shape[:2]) or not len(given):
        raise InvalidProblemError(f"past {tuple(given.shape)} and demand {wanted.shape} do not match")
    check_cost(cost, model.series)
    if isinstance(codecs, str):
        raise InvalidOptionError(f"codecs is {codecs!r}; expected a sequence of names, as [{codecs!r}]")
    model.eval()
    ways: list[Sent] = ["past", "latest"] if model.reads_demand else ["features", "past", "latest"]
    found = []
    with torch.no_grad():
        z = model.features(given[:1])
        remote = float(count_work(lambda: model.cloud(z, given[:1])).macs)
        # A cloud that reads the demand has no use for features.
        trunk = 0.0 if model.reads_demand else float(count_work(lambda: model.features(given[:1])).macs)
        for sent in ways:
            macs = (trunk, remote) if sent == "features" else (0.0, trunk + remote)
            for name in codecs:
                numbers, bits, answer = _sent(model, given, sent, codec(name))
                paid = float(np.asarray(cost.exact(answer.numpy(), wanted)).sum(axis=1).mean())
                found.append(Payload(sent, name, numbers, bits, 32 * model.series, *macs, paid))
    return found


def _sent(model: DDNN, past: torch.Tensor, sent: Sent, how: Codec) -> tuple[int, int, torch.Tensor]:
    """Return how many numbers and bits go up for a decision, and the answers to what arrives."""
    features, seen = None, past
    if sent == "features":
        parts = model.features(past)
        features, up = [how.restored(z) for z in parts], [z[:1] for z in parts]
    elif sent == "past":
        seen, up = how.restored(past), [past[:1]]
    else:
        slots = past.unbind(dim=2)
        seen, up = torch.stack([how.restored(slot) for slot in slots], dim=2), [slots[-1][:1]]
    with set_aside(model) as within:
        answer = model.cloud(model.features(seen) if features is None else features, seen)
    if model.residual:  # the edge adds the latest demand, which it knows as it is
        answer = answer + (past - seen)[:, :, -1]
    numbers, bits = sum(part.numel() for part in up), sum(how.sent_bits(part) for part in up)
    return numbers, bits, answer if within is None else within(answer)


def payload_table(
    found: Sequence[Payload],
    times: ExitTimes,
    uplink_rate: float,
    *,
    local_fraction: float = 0.0,
    slot: float = 600.0,
    downlink_rate: float | None = None,
) -> pd.DataFrame:
    """Return sizes, resources, cost and latency of payloads side by side.

    Returns
    -------
    DataFrame
        Indexed by ``sent`` and ``codec``: ``numbers``, ``bits``, ``edge_macs``, ``cloud_macs``, ``cost``, ``remote``
        (seconds of a remote decision), ``mean`` (seconds of a decision at `local_fraction`) and ``traffic`` (mean bit/s
        up, with a decision in each `slot`).
    """
    import pandas as pd

    rows = []
    for one in found:
        counted = one.times(times, uplink_rate, downlink_rate)
        seconds = float(counted.expected(0.0)), float(counted.expected(local_fraction))
        traffic = one.uplink_traffic(local_fraction, slot)
        sizes = one.numbers, one.bits, one.edge_macs, one.cloud_macs, one.cost
        rows.append((one.sent, one.codec, *sizes, *seconds, traffic))
    columns = ["numbers", "bits", "edge_macs", "cloud_macs", "cost", "remote", "mean", "traffic"]
    return pd.DataFrame(rows, columns=["sent", "codec", *columns]).set_index(["sent", "codec"])
