"""Curves of local share and cost: what each rule decides on the test period, kept on disk under what it depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...exchange.storage import write_atomically
from ...model.errors import InvalidOptionError
from ...model.tolerance import least_count
from ...predictors.rules import (
    BenefitRule,
    OptimizedRule,
    Rule,
    TransmissionCostRule,
    UncertaintyRule,
    fit_together,
    random_cost,
)
from ..fingerprints import fingerprint
from .fingerprints import RULE_CODE, of_code

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...predictors.ddnn import DDNN
    from ...predictors.exits import ExitSamples
    from .networks import Network, Workshop

SHARES = tuple(float(share) for share in np.linspace(0, 1, 11).round(2))
"""Local shares of a curve: eleven, from nothing to everything."""


@dataclass(frozen=True)
class Family:
    """A rule for every local share.

    Attributes
    ----------
    name : str
        In tables and figures.
    method : {"oracle", "uncertainty", "optimized", "benefit", "transmission"}
        ``"oracle"`` keeps exactly the share whose benefits are smallest; ``"transmission"`` asks for a price C_T in
        place of the share: that which makes the share optimal in the training period.
    passes : int
        Of the uncertainty rule.
    estimator, view, weighted, epochs
        Of learned rules.
    """

    name: str
    method: str
    passes: int = 10
    estimator: str = "mlp"
    view: str = "past"
    weighted: bool = False
    epochs: int = 8

    def decide(
        self, model: DDNN, training: ExitSamples, test: ExitSamples, shares: Sequence[float], seed: int
    ) -> list[NDArray[np.bool_]]:
        """Return for each local share which test samples stay local."""
        learned: dict[str, Any] = {"seed": seed, "view": self.view, "epochs": self.epochs}
        if self.method == "oracle":
            return [_smallest(test.benefit, share) for share in shares]
        if self.method == "uncertainty":
            rule = UncertaintyRule(model, passes=self.passes, seed=seed)
            seen, asked = np.sort(rule.scores(training)), rule.scores(test)
            counts = [least_count(share, len(seen)) for share in shares]
            return [asked <= (seen[count - 1] if count else -np.inf) for count in counts]
        if self.method == "benefit":
            regression = BenefitRule(**learned, estimator=self.estimator).fit(training)
            held = training.rows(slice(round(0.8 * len(training)), None))
            return [regression.at(share, held).decide(test) for share in shares]
        learned |= {"estimator": self.estimator, "weighted": self.weighted}
        rules: list[Any]
        if self.method == "optimized":
            rules = [OptimizedRule(share, **learned) for share in shares]
        elif self.method == "transmission":
            rules = [TransmissionCostRule(price, **learned) for price in np.quantile(training.benefit, shares)]
        else:
            raise InvalidOptionError(f"method is {self.method!r}; this study knows no such rule")
        fitted: Sequence[Rule] = fit_together(rules, training)
        return [rule.decide(test) for rule in fitted]


ORACLE = Family("Oracle", "oracle")


def _smallest(benefit: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
    """Return the samples of the smallest benefits, exactly as many as the share asks for."""
    local = np.zeros(len(benefit), dtype=bool)
    local[np.argsort(benefit, kind="stable")[: least_count(share, len(benefit))]] = True
    return local


def points(
    shop: Workshop, network: Network, families: Sequence[Family], shares: Sequence[float] = SHARES
) -> pd.DataFrame:
    """Return the points of all rules for one network, with the exact line of random decisions; kept in ``points/``.

    Returns
    -------
    DataFrame
        Columns ``rule``, ``asked``, ``seed``, ``local`` and ``cost``; rules "Cloud" and "Edge" have one point each.
    """
    test = shop.ask(network, "test")
    parts = [_kept(shop, network, family, shares) for family in families]
    line = pd.DataFrame({"rule": "Random", "asked": shares, "local": shares, "cost": random_cost(test, shares)})
    stay = np.array([0.0, 1.0])
    ends = pd.DataFrame({"rule": ["Cloud", "Edge"], "asked": stay, "local": stay, "cost": random_cost(test, stay)})
    return pd.concat([*parts, line, ends], ignore_index=True).assign(seed=network.seed)


def _kept(shop: Workshop, network: Network, family: Family, shares: Sequence[float]) -> pd.DataFrame:
    key = fingerprint(shop.fingerprint(network), family, tuple(shares), of_code(RULE_CODE))
    path = shop.folder / "points" / f"{network.name}-{family.method}-{key}.csv"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        training, test = shop.ask(network, "train"), shop.ask(network, "test")
        decided = family.decide(shop.model(network), training, test, shares, network.seed)
        rows = [(share, float(local.mean()), test.cost(local)) for share, local in zip(shares, decided, strict=True)]
        frame = pd.DataFrame(rows, columns=["asked", "local", "cost"])
        write_atomically(path, frame.to_csv(index=False).encode())
    return pd.read_csv(path).assign(rule=family.name)


def at_shares(found: pd.DataFrame, rule: str, shares: Sequence[float]) -> pd.DataFrame:
    """Return the cost of a rule where these shares are local, seed x share: linear between its points.

    Every rule can also send everything, or nothing.
    """
    chosen = found[(found.rule == rule) | found.rule.isin(["Cloud", "Edge"])]
    rows = {}
    for seed, group in chosen.groupby("seed"):
        least = group.groupby("local").cost.min()  # of several points with one share, the cheapest
        rows[seed] = np.interp(shares, least.index, least)
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(shares))
