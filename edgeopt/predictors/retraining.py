"""Whether it pays to train an allocator again: the one trained once beside those retrained, period after period.

Every `every` slots the table is cut. Three policies answer for each period, all with the same way of learning: the
model trained **once** on the first `train` slots; one retrained before **every** period; and one retrained after
periods that a rule calls **drifted** (:mod:`.drift`). No model has learned from a slot of the period that it answers
for; it sees a slot only as the past of later ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..model.cached import cached_property
from ..model.errors import InvalidOptionError, InvalidProblemError
from ..model.records import float_array
from ..profiles.own_costs import check_cost
from .drift import Drift, DriftRule, distribution_shift
from .provisioning import Provisioning
from .retraining_report import RetrainingReport
from .samples import MinMax, windows

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from ..profiles.own_costs import Cost
    from .allocators import Allocator

Answer = Callable[["pd.DataFrame"], "ArrayLike"]
"""From the last `window` slots before a period and its slots but the last: what to reserve in each of its slots."""
Learn = Callable[["pd.DataFrame"], Answer]
"""From a history, time x slice in the unit of the demand, to what answers for the slots behind it."""


def windowed(make: Callable[[], Allocator], scale: MinMax, window: int) -> Learn:
    """Return how to learn an allocator of normalised windows: ``Persistence``, ``EdgeAllocator``, ``CloudAllocator``.

    Parameters
    ----------
    make : callable
        Makes an allocator that has not been fitted.
    scale : MinMax
        Scale of the demand, of the first training period: it stays, so that the cost means the same throughout.
    window : int
        Slots of the past that an answer sees.
    """

    def learn(history: pd.DataFrame) -> Answer:
        fitted = make().fit(*windows(scale.normalise(history.to_numpy(float)), window))

        def answer(recent: pd.DataFrame) -> ArrayLike:
            known = scale.normalise(recent.to_numpy(float))
            past = np.lib.stride_tricks.sliding_window_view(known, window, axis=0)
            return fitted.allocate(past) * scale.span + scale.lowest

        return answer

    return learn


@dataclass(frozen=True, kw_only=True)
class Retraining:
    """How an allocator is retrained over a table of demands, and by which rule.

    Attributes
    ----------
    learn : callable
        From a history (time x slice, in the unit of the demand) to a function that answers: given the `window` slots
        before a period and its slots but the last, it returns what to reserve in each slot of the period, (slots,
        slices) in the unit of the demand. :func:`windowed` makes one of an allocator.
    cost : Cost
        What a wrong allocation costs, on the scale of each slice: 0 its lowest, 1 its highest demand of the first
        `train` slots, or on `scale`.
    window : int
        Slots of the past that an answer sees.
    train : int
        Slots before the first period.
    every : int
        Slots of a period. Whole days, or their cycle is taken for drift.
    memory : int, optional
        Slots that a model learns from, the last ones before its period (a sliding window); all by default (a growing
        one).
    validation : int, optional
        Slots at the end of a history in which the cost is found that the rule compares with; by default `every`, better
        a whole week where days differ. The model that is validated has not learned from them, the one that is used has.
    rule : DriftRule
        Which periods count as drifted: the costs in a period are judged against those of validation.
    follow_up : int
        Further periods, after one that drifted and the retraining that follows, before which the policy retrains again:
        the new traffic is one period of the history by then, and fills it only slowly.
    scale : MinMax, optional
        Another scale for the cost.

    Raises
    ------
    InvalidOptionError
        If a number of slots is out of range.
    """

    learn: Learn
    cost: Cost
    window: int
    train: int
    every: int
    memory: int | None = None
    validation: int | None = None
    rule: DriftRule = field(default_factory=DriftRule)
    follow_up: int = 0
    scale: MinMax | None = None

    def __post_init__(self) -> None:
        for name in ("window", "train", "every", "memory", "validation"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InvalidOptionError(f"{name} is {value}; expected 1 or more slots")
        if self.follow_up < 0:
            raise InvalidOptionError(f"follow_up is {self.follow_up}; expected 0 or more periods")
        least = self.window + self._validated + 1
        for name, value in (("train", self.train), ("memory", self.memory)):
            if value is not None and value < least:
                raise InvalidOptionError(
                    f"{name} is {value}; expected at least {least} slots: the window, those of validation and one more"
                )
        if self.memory is not None and self.memory > self.train:
            raise InvalidOptionError(
                f"memory is {self.memory}; the first model has only {self.train} slots, choose train at least as large"
            )

    @property
    def _validated(self) -> int:
        return self.every if self.validation is None else self.validation

    def run(self, demand: pd.DataFrame) -> RetrainingReport:
        """Let the three policies answer for every whole period behind the first `train` slots.

        Parameters
        ----------
        demand : DataFrame, time x slice
            In the unit of the demand, finite and at least 0, in equal steps; slices may be named by pairs (source,
            target). Slots behind the last whole period are left out.

        Raises
        ------
        InvalidProblemError
            If the table is no such table, or too short for two periods; if an answer has another shape or is not
            finite.
        """
        values = _checked(demand, self.train + 2 * self.every)
        check_cost(self.cost, values.shape[1])
        return _Run(self, demand, values).report()


def _checked(demand: pd.DataFrame, least: int) -> NDArray[np.float64]:
    import pandas as pd

    try:
        values: NDArray[np.float64] = demand.to_numpy(np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidProblemError(f"demand: {error}; expected a column of numbers for each slice") from error
    if not (np.isfinite(values) & (values >= 0)).all():
        row, column = np.argwhere(~(np.isfinite(values) & (values >= 0)))[0]
        raise InvalidProblemError(
            f"demand at {demand.index[row]}, slice {demand.columns[column]} is {values[row, column]}; expected a "
            "finite number >= 0, fill the gaps first (DataFrame.interpolate)"
        )
    if len(values) < least:
        raise InvalidProblemError(f"demand has {len(values)} slots; train and two periods are {least}")
    if isinstance(demand.index, pd.DatetimeIndex):
        steps = np.diff(demand.index.asi8)
        if (steps != steps[0]).any() or steps[0] <= 0:
            row = int((steps != steps[0]).argmax()) if steps[0] > 0 else 0
            raise InvalidProblemError(
                f"demand: the step from {demand.index[row]} to {demand.index[row + 1]} is not that of the first two "
                "slots; expected equal steps (DataFrame.asfreq shows the gaps)"
            )
    return values


class _Run:
    """One table: models by the slot that they are learned for, and what they cost."""

    def __init__(self, plan: Retraining, demand: pd.DataFrame, values: NDArray[np.float64]) -> None:
        self.plan, self.demand, self.values = plan, demand, values
        self.scale = plan.scale or MinMax.fit(values[: plan.train])
        self.models: dict[tuple[int, int], Answer] = {}
        self.answers: dict[tuple[int, int, int], NDArray[np.float64]] = {}

    @cached_property
    def starts(self) -> list[int]:
        plan = self.plan
        return [plan.train + plan.every * k for k in range((len(self.values) - plan.train) // plan.every)]

    def report(self) -> RetrainingReport:
        every = self.plan.every
        decisions, when_drifted = self._decided()
        learned = {
            "once": dict.fromkeys(self.starts, self.plan.train),
            "every": {start: start for start in self.starts},
            "drift": when_drifted,
        }
        cells = [(start, policy) for start in self.starts for policy in learned]
        return RetrainingReport.of(
            self.demand,
            {(start, policy): self._provisioning(learned[policy][start], start, every) for start, policy in cells},
            learned,
            {(start, policy): self._slot_costs(learned[policy][start], start, every) for start, policy in cells},
            decisions,
            {start: self._shift(start) for start in self.starts},
            self.plan.rule.tolerance,
        )

    def _decided(self) -> tuple[dict[int, Drift], dict[int, int]]:
        """Return what the rule finds in each period, and the slot before which that period's model stopped to learn."""
        decisions, learned = {}, {}
        current, left = self.plan.train, 0
        for start in self.starts:
            learned[start] = current
            decisions[start] = self._judge(current, start)
            left = self.plan.follow_up + 1 if decisions[start].drifted else max(left - 1, 0)
            if left:
                current = start + self.plan.every
        return decisions, learned

    def _judge(self, fitted: int, start: int) -> Drift:
        """Judge the period at `start` by the costs of the model that was learned for slot `fitted`."""
        held = self.plan._validated
        validation = self._slot_costs(fitted - held, fitted - held, held, until=fitted)
        return self.plan.rule.judge(self._slot_costs(fitted, start, self.plan.every), validation)

    def _model(self, fitted: int, until: int) -> Answer:
        """Return the model that has learned from what was before slot `fitted`, within the memory of slot `until`."""
        if (fitted, until) not in self.models:
            first = 0 if self.plan.memory is None else until - self.plan.memory
            self.models[fitted, until] = self.plan.learn(self.demand.iloc[first:fitted])
        return self.models[fitted, until]

    def _answer(self, fitted: int, start: int, slots: int, until: int) -> NDArray[np.float64]:
        if (fitted, start, until) not in self.answers:
            self.answers[fitted, start, until] = self._allocation(fitted, start, slots, until)
        return self.answers[fitted, start, until]

    def _allocation(self, fitted: int, start: int, slots: int, until: int) -> NDArray[np.float64]:
        recent = self.demand.iloc[start - self.plan.window : start + slots - 1]
        given = float_array(self._model(fitted, until)(recent), "the allocation", ndim=2)
        if given.shape != (expected := (slots, self.values.shape[1])):
            raise InvalidProblemError(
                f"the allocation has shape {given.shape}; expected {expected}: what `learn` returns is given the "
                f"{self.plan.window} slots before a period and {slots - 1} of it, and answers for all {slots}"
            )
        allocation: NDArray[np.float64] = self.scale.normalise(given)
        return allocation

    def _wanted(self, start: int, slots: int) -> NDArray[np.float64]:
        return self.scale.normalise(self.values[start : start + slots])

    def _slot_costs(self, fitted: int, start: int, slots: int, until: int | None = None) -> NDArray[np.float64]:
        answer = self._answer(fitted, start, slots, until or fitted)
        priced = np.asarray(self.plan.cost.exact(answer, self._wanted(start, slots)), dtype=np.float64)
        costs: NDArray[np.float64] = priced.sum(axis=1)
        return costs

    def _provisioning(self, fitted: int, start: int, slots: int) -> Provisioning:
        return Provisioning.of(
            self._answer(fitted, start, slots, fitted),
            self._wanted(start, slots),
            self.plan.cost,
            services=["->".join(map(str, one)) if isinstance(one, tuple) else one for one in self.demand.columns],
            scale=self.scale,
        )

    def _shift(self, start: int) -> pd.DataFrame:
        """Compare a period with what the first model learned from, and with what is usual within that."""
        found = distribution_shift(self.known, self.values[start : start + self.plan.every])
        return found.assign(ks_usual=self.usual)

    @cached_property
    def known(self) -> NDArray[np.float64]:
        """Demand that the first model has learned from."""
        plan = self.plan
        return self.values[0 if plan.memory is None else plan.train - plan.memory : plan.train]

    @cached_property
    def usual(self) -> NDArray[np.float64]:
        """Largest distance between a stretch of that demand, as long as a period, and the rest of it."""
        stretches = len(self.known) // self.plan.every
        if stretches < 2:
            return np.full(self.known.shape[1], np.nan)
        rows = np.arange(len(self.known))[-stretches * self.plan.every :].reshape(stretches, -1)
        distances = [distribution_shift(np.delete(self.known, one, axis=0), self.known[one])["ks"] for one in rows]
        usual: NDArray[np.float64] = np.max(distances, axis=0)
        return usual
