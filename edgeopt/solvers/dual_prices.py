"""Prices for what users share: a heuristic with a proven gap, for thousands of users in a slot.

With a price for a hertz and one for a FLOP/s each user decides on its own, and the sum of their costs less the worth of
band and host is a lower bound (Lagrange). Prices are raised where too much is asked for and lowered where too little:
first with a few hundred users in place of all, then with all. With many users no single one matters, and the gap that
their jumps between splits leave is small (Shapley and Folkman; Bertsekas, Convex Optimization Theory, 5.7).
"""

from __future__ import annotations

from os import cpu_count
from typing import TYPE_CHECKING

import numpy as np

from ..formulations.shared_slot import SharedPrices, SharedSlot
from ..model.outcome import Options, Outcome
from ..model.solver import solver
from .compiled.clearing_prices import share_out
from .compiled.market import Market

if TYPE_CHECKING:
    pass

_FEW = 200
"""Users that stand for all while prices are still far off."""


@solver("dual-prices", solves=SharedSlot, exact=False, options=("time_limit", "relative_gap", "threads"))
def dual_prices(problem: SharedSlot, options: Options) -> Outcome:
    """Find prices, let the users choose at them, and share out what is left; stops near `relative_gap` (1e-4)."""
    gap = 1e-4 if options.relative_gap is None else options.relative_gap
    market = Market.of(problem, options.threads or cpu_count() or 1)
    prices, split = market.first_prices(), problem.splits - 1
    if market.users > 4 * _FEW:
        few = market.sample(_FEW)
        near = few.balance(few.asked(prices, split), 0.25 * gap, options)
        prices, split = near.prices, int(np.bincount(near.chosen[:, 1].astype(int)).argmax())
    asked = market.asked(prices, split)
    best = market.balance(asked, 0.25 * gap, options)
    decision = share_out(market, best, 0.25 * gap, options)
    everything = np.ones((1, problem.users, problem.splits, 2), dtype=bool)
    certificate = SharedPrices(best.prices[:1], best.prices[1:], best.deadline_price[None], everything)
    return Outcome.feasible(decision, certificate)
