"""An allocator to deploy: from a table of demands in their own unit to what to reserve in the next slot.

What an early-exit network needs around it, in one object: the scale of each slice and its inverse, the order of the
slices in the traffic box, both exits, the rule that chooses between them, and how sure it is. Tables come and answers
go in the unit of the demand, with slices by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from ..model.errors import InvalidOptionError, InvalidProblemError
from ..profiles.own_costs import Cost, check_cost
from . import slice_files
from .budgets import Budget
from .calendar_inputs import FEATURES
from .ddnn import DDNN
from .exit_odds import ExitOdds
from .exits import ExitSamples
from .joint import train_jointly
from .persistence import Persistence
from .reordered_costs import reordered
from .rule_files import named_rule
from .samples import MinMax, chronological
from .slice_model import SliceModel
from .slice_options import check_count, check_lowest, check_options, check_unchanged
from .slice_tables import TableForm, times_of
from .slice_view import SliceView

if TYPE_CHECKING:
    import pandas as pd

    from .slice_answers import Allocations, HeldOut

LEAST_SAMPLES = 50
"""Fewest samples that are cut into training, validation and held-out part."""


@dataclass(eq=False)
class SliceAllocator:
    """Reserve resources for slices slot by slot, at the edge where a rule says so, else in the cloud.

    Parameters
    ----------
    cost : Cost
        What a wrong allocation costs, on the scale of each slice (0 its lowest, 1 its highest demand of the training
        period); weights in the order of the table's columns.
    window : int
        Slots of the past that an answer sees.
    min_local_fraction : float
        Share L0 of the slots in which the edge should answer; the rule aims at it on samples held out from learning.
    rule : {"benefit", "optimized", "uncertainty", "edge", "cloud"}
        Who answers: by a regression of what the cloud saves, by a classifier trained on the exact optimum, by the
        variance under dropout (:mod:`.rules`), or always the same exit.
    kind, exit, remote, dropout
        Of the network, see :class:`~edgeopt.predictors.ddnn.DDNN`.
    local_weight : float
        Weight of the edge's cost in training, between 0 and 1.
    budget : float or dict, optional
        Most that all slices together may get, in the unit of the demand; or that some may, by their names:
        ``{("web", "video"): 500.0}``.
    calendar : bool
        Whether both exits know hour and day of the week of the slot (:mod:`.calendar_inputs`).
    validation, held_out : float
        Shares of the table that stop training and choose margins and threshold, and that nothing is learned from.
    epochs, seed : int
        Most epochs of training; of every random draw.

    Examples
    --------
    >>> from edgeopt.data import synthetic
    >>> from edgeopt.profiles.costs import AllocationCost
    >>> table = synthetic.traffic(cells=2, days=2)
    >>> allocator = SliceAllocator(AllocationCost(under=1.0), epochs=0, rule="edge").fit(table)
    >>> answer = allocator.allocate(table.tail(6))
    >>> answer.allocation.shape, answer.local
    ((1, 2), array([ True]))
    """

    cost: Cost | None
    window: int = 6
    min_local_fraction: float = 0.5
    rule: str = "benefit"
    kind: str = "conv3d"
    exit: str = "residual"
    remote: str = "blocks"
    dropout: float = 0.1
    local_weight: float = 0.5
    budget: float | Mapping[tuple[str, ...], float] | None = None
    calendar: bool = False
    validation: float = 0.2
    held_out: float = 0.2
    epochs: int = 100
    seed: int = 0
    _fitted: SliceModel | None = field(default=None, init=False, repr=False)
    _report: HeldOut | None = field(default=None, init=False, repr=False)
    _fitted_with: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def fitted(self) -> SliceModel:
        """What fitting found.

        Raises
        ------
        InvalidOptionError
            If the allocator has not been fitted.
        """
        if self._fitted is None:
            raise InvalidOptionError(
                "this allocator has not been fitted; call fit(demand), or SliceAllocator.load(folder)"
            )
        return self._fitted

    @property
    def report(self) -> HeldOut:
        """What the allocator was worth in the part of its table that was held out."""
        self.fitted  # noqa: B018  # says what to do where there is none
        assert self._report is not None
        return self._report

    def options(self) -> dict[str, Any]:
        """Return the parameters but the cost, by name: another allocator of the same kind is made with them."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init and f.name != "cost"}

    def fit(self, demand: pd.DataFrame, **training: Any) -> Self:
        """Learn from a table of demands, and return itself.

        Parameters
        ----------
        demand : DataFrame, time x slice
            In the unit of the demand, at least 0; a row for each slot, without a gap. The order of the columns does not
            matter to what is learned. The first part trains, the next validates, the last is held out.
        **training
            Of :func:`~edgeopt.predictors.joint.train_jointly`: ``folder`` (checkpoints, from which the same call goes
            on), ``patience``, ``max_shortfall``, ``progress``, …

        Raises
        ------
        InvalidProblemError
            If the table is no regular table of demands, is too short, a slice never changes in the training part, or is
            left below its demand most of the time.
        InvalidOptionError
            If an option is out of range, the cost has weights for another number of slices, or is not finite at 0.
        """
        check_options(self)
        cost = self._own_cost()
        form = TableForm.of(demand)
        values = form.values(demand)
        check_cost(cost, len(form.slices), training=True)
        check_lowest(cost, len(form.slices))
        if (count := len(values) - self.window) < LEAST_SAMPLES:
            raise InvalidProblemError(
                f"demand has {len(values)} rows and window is {self.window}; at least {LEAST_SAMPLES} rows more than "
                "the window are needed, and some weeks of them are worth having"
            )
        split = chronological(count, 1 - self.validation - self.held_out, self.validation)
        seen = values[: split.train.stop + self.window]  # scale and box see the training period alone
        view = SliceView.fit(form, seen, window=self.window, calendar=self.calendar, seed=self.seed)
        network, priced = self.network(view), reordered(cost, view.box.order)
        past, target = view.inputs(values, times_of(demand))[:-1], view.targets(values)
        rule = named_rule(self.rule, network, self.min_local_fraction, self.seed)
        names = [form.slices[i] for i in view.box.order]
        options = {"epochs": self.epochs, "seed": self.seed, "names": names, "local_weight": self.local_weight}
        parts = [(past[rows], target[rows]) for rows in (split.train, split.validation)]
        train_jointly(network, parts[0], parts[1], priced, **{**options, **training})
        known = slice(0, split.validation.stop)
        samples = ExitSamples.of(network, past[known], target[known], priced)
        last = samples.rows(slice(round(0.8 * len(samples)), None))  # rules set their threshold on it, and do not learn
        odds = ExitOdds.fit(rule.fit(samples).scores(last), last)
        latest = Persistence(priced).fit(past[known, : len(names)].astype(np.float64), target[known])
        self._fitted = SliceModel(view, network, rule, odds, latest.margin)
        self._report = self._fitted.held_out(demand.iloc[split.test.start :], cost)
        self._fitted_with = self.options()
        return self

    def allocate(self, recent: pd.DataFrame, slots: int | None = 1) -> Allocations:
        """Say what to reserve in the slot after a table of recent demands, and in slots before it.

        Parameters
        ----------
        recent : DataFrame, time x slice
            At least `window` rows in the unit of the demand, up to the latest slot; columns by name, in any order. Only
            rows that an answer sees are read.
        slots : int, optional
            Number of slots to answer for, the last of which is the next one; with None all that have a whole past. Each
            answer sees the past of its own slot alone.

        Raises
        ------
        InvalidProblemError
            If the table lacks a slice, has a gap or slots of another length, is too short, or a demand is negative, not
            finite, or so large that there is no finite answer.
        InvalidOptionError
            If the allocator has not been fitted, or `slots` is below 1.
        """
        if slots is not None:
            check_count("slots", slots, 1)
        return self.fitted.allocate(recent, slots)

    def provisioning(self, demand: pd.DataFrame) -> HeldOut:
        """Return what the allocator, either exit alone and persistence are worth on a table that it has not seen.

        Parameters
        ----------
        demand : DataFrame, time x slice
            As for :meth:`allocate`; the first `window` rows are the past of the first slot.

        Raises
        ------
        InvalidProblemError
            As :meth:`allocate`.
        InvalidOptionError
            If the allocator was saved with a cost of one's own, and loaded without it.
        """
        return self.fitted.held_out(demand, self._own_cost())

    def save(self, folder: str | Path) -> None:
        """Write the allocator into a folder, which is made, as JSON and plain arrays; see :mod:`.slice_files`.

        Raises
        ------
        InvalidOptionError
            If it has not been fitted, or an option was changed since.
        DataFormatError
            If the folder cannot be written.
        """
        self.fitted  # noqa: B018  # says what to do where there is none
        check_unchanged(self, self._fitted_with)
        slice_files.save(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path, *, cost: Cost | None = None) -> Self:
        """Read an allocator that :meth:`save` wrote: its answers are the same, bit for bit, on the same machine.

        Parameters
        ----------
        cost : Cost, optional
            Cost of one's own that it was fitted with, which files do not hold; :meth:`provisioning` needs it,
            :meth:`allocate` does not.

        Raises
        ------
        DataFormatError
            If a file is missing, damaged, of another program or of another version; names it, and what to do.
        """
        return slice_files.load(cls, Path(folder), cost)

    def _own_cost(self) -> Cost:
        if self.cost is None:
            raise InvalidOptionError(
                "this allocator was fitted with a cost of one's own, which its file does not hold; give it: "
                "SliceAllocator.load(folder, cost=…)"
            )
        return self.cost

    def network(self, view: SliceView) -> DDNN:
        """Return the network before training."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return DDNN(
                self.kind,
                len(view.form.slices),
                self.window,
                dropout=self.dropout,
                exit=self.exit,
                remote=self.remote,
                within=self._within(view),
                calendar=FEATURES if self.calendar else 0,
            )

    def _within(self, view: SliceView) -> Budget | None:
        """Return the budgets on the scale and in the order of the network."""
        if self.budget is None:
            return None
        slices = view.form.slices
        given = self.budget if isinstance(self.budget, Mapping) else {slices: self.budget}
        for group in given:
            if isinstance(group, str) or (unknown := [name for name in group if name not in slices]):
                wrong = repr(group) if isinstance(group, str) else repr(unknown[0])
                raise InvalidOptionError(
                    f"budget names {wrong}; expected groups, as {{('{slices[0]}',): 1.0}}, of {', '.join(slices)}"
                )
        order, scale = view.box.order, view.scale
        place = {slices[index]: position for position, index in enumerate(order)}
        groups = [[place[name] for name in group] for group in given]
        return Budget.in_units(list(given.values()), MinMax(scale.lowest[order], scale.span[order]), groups)
