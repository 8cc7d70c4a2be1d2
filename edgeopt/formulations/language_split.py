"""Where the blocks of a language model run: one placement for the prompt and for every token after it.

A request has two phases. *Prefill* reads the prompt and gives the first token; *decode* then gives one token a pass.
Keys and values of earlier tokens stay on the tier of their block: they are never sent, so both phases have the same
placement, and only the hidden state crosses a cut. Each token returns to the device, which sends it back for the next
pass, so a pass of decode pays every delay of the links again. Without limits on memory the problem is a shortest path
(:meth:`LanguageSplit.chain`); every tier whose memory may be full is one cap on it (:attr:`LanguageSplit.moves`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..algebra.fields import Array, data
from ..algebra.formulation import Formulation
from ..model.cached import cached_property
from ..model.errors import InvalidProblemError
from ..model.problem import CertifiesInfeasibility
from ..model.records import require
from .compressed_split.certificate import NothingFits
from .compressed_split.moves import Caps
from .placement.exits import Exit
from .placement.links import between_tiers, link_delays, link_rates, rate_array
from .split import StochasticSplit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..algebra.decision import NamedDecision
    from ..algebra.declaration import Declaration


class LanguageSplit(Formulation, CertifiesInfeasibility):
    """Place a chain of layers on tiers at the least expected time of a request, within every tier's memory.

    Tiers stand in a line, the device first; link l joins tiers l and l + 1. The first token takes one pass over the
    prompt (`prefill_…`), and `decode_steps` passes of one token follow (`decode_…`, each an average over the passes).
    `…_input_bits` are what enters a layer, at first the numbers of the tokens; `token_bits` return to the device after
    every pass. `memory` limits weights and cache of each tier.
    """

    prefill_time: Array = data("layers", "tiers", unit="s", nonnegative=True)
    decode_time: Array = data("layers", "tiers", unit="s", nonnegative=True)
    prefill_input_bits: Array = data("layers", unit="bit", nonnegative=True)
    decode_input_bits: Array = data("layers", unit="bit", nonnegative=True)
    token_bits: float
    decode_steps: float
    uplink_rate: Array = data("links", unit="bit/s", nonnegative=True)
    downlink_rate: Array = data("links", unit="bit/s", nonnegative=True)
    link_delay: Array = data("links", unit="s", nonnegative=True)
    weight_bits: Array = data("layers", unit="bit", nonnegative=True)
    cache_bits: Array = data("layers", unit="bit", nonnegative=True)
    memory: Array = data("tiers", unit="bit", nonnegative=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("uplink_rate", "downlink_rate"):
            rate = np.asarray(getattr(self, name))
            require(name, np.atleast_1d(rate), np.atleast_1d(rate > 0), "must be a rate above 0 bit/s")
        for name in ("token_bits", "decode_steps"):
            if np.min(getattr(self, name)) < 0:
                raise InvalidProblemError(f"{name} is {getattr(self, name)}; expected a number >= 0")

    def declare(self, m: Declaration) -> None:
        """Every layer runs on one tier; its input crosses the links between there and the tier of the layer before."""
        runs = m.binary("runs", "layers", "tiers")
        links, tiers = m.sizes["links"], m.sizes["tiers"]
        if links != tiers - 1:
            raise InvalidProblemError(f"uplink_rate has {links} links; expected {tiers - 1}, one fewer than tiers")
        behind = m.array((np.arange(tiers) > np.arange(links)[:, None]).astype(float), "links", "tiers")
        # beyond[n, l] is 1 where layer n runs behind link l; the prompt is on the device.
        beyond = (behind * runs).sum("tiers")
        before = beyond.previous("layers", first=0.0)
        up = m.maximum("up", beyond - before, 0.0)
        down = m.maximum("down", before - beyond, 0.0)
        home = beyond[:, -1]  # the token returns from the tier of the last layer
        prefill, decode = (self._pass(phase, runs, up, down, home) for phase in ("prefill", "decode"))
        m.minimize(prefill + self.decode_steps * decode)
        m.subject_to(
            placed=runs.sum("tiers") == 1,
            memory=((self.weight_bits + self.cache_bits) * runs).sum("layers") <= self.memory,
        )

    def _pass(self, phase: str, runs: Any, up: Any, down: Any, home: Any) -> Any:
        """Seconds of one pass of a phase, of symbols that find their dimensions by name."""
        running, bits = getattr(self, f"{phase}_time"), getattr(self, f"{phase}_input_bits")
        outward = ((bits / self.uplink_rate + self.link_delay) * up).sum()
        homeward = ((bits / self.downlink_rate + self.link_delay) * down).sum()
        return (running * runs).sum() + outward + homeward + self._return_time() @ home

    def _return_time(self) -> Any:
        return self.token_bits / self.downlink_rate + self.link_delay

    @classmethod
    def of(
        cls,
        model: Any,
        processors: Sequence[Any],
        requests: Any,
        uplink_rate: Any,
        *,
        backhaul_rate: Any = None,
        downlink_rate: Any = None,
        link_delay: Any = 0.0,
        memory: Any = None,
        context: int | None = None,
    ) -> LanguageSplit:
        """Return the problem of a language model, from its configuration.

        Parameters
        ----------
        model : LanguageModel
            What :class:`~edgeopt.profiles.language_model.LanguageModel` says of weights, work and tensors.
        processors : sequence of Processor
            One for each tier, the device first; or objects of your own with its method ``seconds``, for measured times.
        requests : RequestLengths
            Lengths of prompts and answers; the times are expected ones over them.
        uplink_rate, backhaul_rate, downlink_rate, link_delay
            As in :class:`~edgeopt.StochasticSplit`.
        memory : (tiers,) float, optional
            Bits; by default every tier holds the whole model.
        context : int, optional
            Tokens that the caches have room for; by default those of the longest request.

        Raises
        ------
        InvalidProblemError
            If a rate is not above 0, or `context` is shorter than the longest request.
        """
        tiers, longest = len(processors), requests.longest
        if context is not None and context < longest:
            raise InvalidProblemError(f"context is {context}; the longest request has {longest} tokens")
        pasts, passes = requests.decode_pasts()
        share = requests.shares
        decode = np.zeros((model.layers + 2, tiers))
        if passes.size:
            decode = np.stack([passes @ p.seconds(model, 1, pasts) for p in processors], axis=1) / passes.sum()
        up = link_rates(rate_array(uplink_rate, "uplink_rate"), _rates(backhaul_rate, "backhaul_rate"), tiers)
        back = uplink_rate if downlink_rate is None else downlink_rate
        down = link_rates(rate_array(back, "downlink_rate"), _rates(backhaul_rate, "backhaul_rate"), tiers)
        cache = model.cache_bits_per_token * (longest if context is None else context)
        whole = float((model.weight_bits + cache).sum())
        return cls(
            prefill_time=np.stack([share @ p.seconds(model, requests.prompt, 0) for p in processors], axis=1),
            decode_time=decode,
            prefill_input_bits=share @ model.tensor_bits(requests.prompt)[:, :-1],
            decode_input_bits=model.tensor_bits(1)[:-1],
            token_bits=float(model.tensor_bits(1)[-1]),
            decode_steps=requests.decode_steps,
            uplink_rate=up,
            downlink_rate=down,
            link_delay=link_delays(link_delay, tiers - 1),
            weight_bits=model.weight_bits,
            cache_bits=cache,
            memory=np.full(tiers, whole) if memory is None else memory,
            labels={"layers": model.names},
        )

    def placement(self, tiers: Any) -> NamedDecision:
        """Return the decision that runs each layer on the tier of (layers,) int `tiers`.

        Raises
        ------
        InvalidProblemError
            If there is not one tier of the problem for each layer.
        """
        layers, count = np.shape(self.prefill_time)[-2:]
        places = np.asarray(tiers)
        if places.shape != (layers,) or places.dtype.kind not in "iu":
            raise InvalidProblemError(f"tiers is {places.dtype} of shape {places.shape}; expected ({layers},) integers")
        require("tiers", places, (places >= 0) & (places < count), f"must lie from 0 to {count - 1}")
        beyond = (places > np.arange(count - 1)[:, None]).astype(float)
        change = np.diff(beyond, axis=1, prepend=0.0)
        return self.decide(
            runs=places[:, None] == np.arange(count), up=np.maximum(change, 0.0), down=np.maximum(-change, 0.0)
        )

    def first_token_time(self, decision: NamedDecision) -> float:
        """Return the expected seconds from the prompt to the first token."""
        return float(self._time("prefill", decision.values))

    def token_time(self, decision: NamedDecision) -> float:
        """Return the mean seconds of every token after the first."""
        return float(self._time("decode", decision.values))

    def words(self, columns: Any) -> dict[str, Any]:
        """Return the variables, ``first_token`` and ``token_time`` in seconds, and ``used`` (tiers,) bits of memory."""
        found = super().words(columns)
        found |= {"first_token": self._time("prefill", found), "token_time": self._time("decode", found)}
        held = np.asarray(self.weight_bits) + np.asarray(self.cache_bits)
        return found | {"used": held @ found["runs"]}

    def _time(self, phase: str, found: Any) -> Any:
        """Seconds of one pass of a phase, of numbers or of the columns that side constraints see."""
        self._single()
        running, bits = (np.asarray(getattr(self, f"{phase}_{what}")) for what in ("time", "input_bits"))
        up, down, delay = (
            np.asarray(getattr(self, n))[:, None] for n in ("uplink_rate", "downlink_rate", "link_delay")
        )
        tiers = running.shape[1]
        # The last layer's tier says over which links the token returns.
        home = np.r_[0.0, np.cumsum(np.asarray(self._return_time()))]
        running = running + np.where(np.arange(running.shape[0])[:, None] == running.shape[0] - 1, home[:tiers], 0.0)
        sums = ((running * found["runs"]).sum(), ((bits / up + delay) * found["up"]).sum())
        return sums[0] + sums[1] + ((bits / down + delay) * found["down"]).sum()

    def _single(self) -> None:
        if self.batch is not None:
            raise InvalidProblemError(f"the problem is a batch of {self.batch}; take problem.instance(i)")

    def chain(self) -> StochasticSplit:
        """Return the same problem without limits on memory: a split of one chain, which ``shortest-path`` solves.

        A request is one pass of prefill and `decode_steps` passes of decode over the same placement, so times, bits and
        delays add up. `placement` makes a decision of this problem from its tiers.

        Raises
        ------
        InvalidProblemError
            If the problem is a batch, or a link behind the first has different rates in the two directions.
        """
        times, bits, delay = self._request()
        up, down = np.asarray(self.uplink_rate), np.asarray(self.downlink_rate)
        if (up[1:] != down[1:]).any():
            raise InvalidProblemError(
                f"downlink_rate is {down}; a chain has it equal to uplink_rate behind the first link"
            )
        return StochasticSplit([Exit(1.0, times, bits)], [1.0], up[0], up[1:] if up.size > 1 else None, down[0], delay)

    def _request(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """(layers, tiers) seconds, (layers + 1,) bits and (links,) delays of a request: all its passes together."""
        self._single()
        steps = float(self.decode_steps)
        bits = np.asarray(self.prefill_input_bits) + steps * np.asarray(self.decode_input_bits)
        times = np.asarray(self.prefill_time) + steps * np.asarray(self.decode_time)
        delay = (1.0 + steps) * np.asarray(self.link_delay)
        return times, np.r_[bits, (1.0 + steps) * float(self.token_bits)], delay

    @property
    def limited(self) -> NDArray[np.bool_]:
        """(tiers,) whether a tier has no room for all layers, so that its memory may bind; in a batch, in any of it."""
        whole = np.asarray((self.weight_bits + self.cache_bits).sum(axis=-1))
        short = np.asarray(self.memory) < whole[..., None]
        return np.asarray(short.reshape(-1, short.shape[-1]).any(axis=0))

    @cached_property
    def moves(self) -> Caps:
        """Cost and memory of each layer, by the tier of the layer before and its own; the token's way home comes last.

        Raises
        ------
        InvalidProblemError
            If the problem is a batch.
        """
        times, bits, delay = self._request()
        layers, tiers = times.shape
        per_bit = between_tiers(1.0 / np.asarray(self.uplink_rate), 1.0 / np.asarray(self.downlink_rate))
        cost = bits[:, None, None] * per_bit + between_tiers(delay, delay)
        cost[:-1] += times[:, None, :]
        cost[0, 1:], cost[-1, :, 1:] = np.inf, np.inf  # the prompt is on the device, the answer returns to it
        held, capped = np.asarray(self.weight_bits) + np.asarray(self.cache_bits), []
        for tier in np.flatnonzero(self.limited).tolist() or [0]:
            weight = np.zeros((layers + 1, tiers, tiers, 1))
            weight[:-1, :, tier, 0] = held[:, None]
            capped.append((f"memory[{tier}]", weight, float(self.memory[tier])))
        return Caps.of(cost[..., None], capped)

    def infeasibility_certificate(self) -> NothingFits | None:
        """Return a proof that the layers do not fit on the tiers, or None where they do or there is too much to try."""
        return None if self.batch is not None else NothingFits.of(self.moves)


def _rates(value: Any, field: str) -> Any:
    return None if value is None else rate_array(value, field)
