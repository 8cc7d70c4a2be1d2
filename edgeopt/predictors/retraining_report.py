"""What retraining was worth: tables of periods, slices, shifts and decisions, one verdict, one figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import ExtraNotInstalledError
from .drift import Drift, mean_interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from .provisioning import Provisioning

POLICIES = ("once", "every", "drift")
_LABELS = {"once": "trained once", "every": "retrained every period", "drift": "retrained when drifted"}
_STYLES: dict[str, dict[str, Any]] = {
    "once": {"color": "silver", "linewidth": 4.0},
    "every": {"color": "tab:blue", "marker": "s", "markersize": 4},
    "drift": {"color": "tab:orange", "marker": "^", "markersize": 4},
}


@dataclass(frozen=True, eq=False, repr=False)
class RetrainingReport:
    """The three policies, period by period.

    Attributes
    ----------
    periods : DataFrame, (period, policy)
        ``cost`` (mean of the slots, summed over the slices), ``violation_rate`` (mean over the slices), ``shortfall``
        and ``surplus`` (volume a slot that is missing, and that is allocated in vain, in the unit of the demand),
        ``demand``, and ``learned_until``, the first slot that the model has not learned from.
    slices : DataFrame, (period, policy, slice)
        The same for each slice, but for ``learned_until``.
    shift : DataFrame, (period, slice)
        ``ks``, ``psi`` and ``mean_ratio`` against the first model's history (:func:`.drift.distribution_shift`), and
        ``ks_usual``: the largest ``ks`` between a stretch of that history, as long as a period, and the rest of it; nan
        where the history has no two. A period whose ``ks`` is larger is unlike any before.
    decisions : DataFrame, period
        What the rule found of the policy ``drift`` at the end of the period: ``ratio`` of its cost to that of
        validation, bounds ``low`` and ``high``, ``drifted``.
    slot_costs : DataFrame, (slot, policy)
        Exact cost of every slot, summed over the slices.
    tolerance : float
        Of the rule.
    """

    periods: pd.DataFrame
    slices: pd.DataFrame
    shift: pd.DataFrame
    decisions: pd.DataFrame
    slot_costs: pd.DataFrame
    tolerance: float

    @classmethod
    def of(
        cls,
        demand: pd.DataFrame,
        found: Mapping[tuple[int, str], Provisioning],
        learned: Mapping[str, Mapping[int, int]],
        slot_costs: Mapping[tuple[int, str], NDArray[np.float64]],
        decisions: Mapping[int, Drift],
        shifts: Mapping[int, pd.DataFrame],
        tolerance: float,
    ) -> RetrainingReport:
        """Put the results of a run into tables; periods are named by their first slots.

        Parameters
        ----------
        demand : DataFrame
            The table.
        found, slot_costs : mapping
            What the policies were worth, by first row of the period and policy, in order.
        learned : mapping
            For each policy and first row of a period, the row before which its model stopped to learn.
        decisions, shifts : mapping
            What the rule found, and how far the demand moved, by first row of the period.
        tolerance : float
            Of the rule.
        """
        import pandas as pd

        index = demand.index
        services = next(iter(found.values())).services
        tables = {(index[start], policy): one.table() for (start, policy), one in found.items()}
        slices = pd.concat(tables, names=["period", "policy", "slice"])
        until = [index[learned[policy][start]] for start, policy in found]
        shift = pd.concat({index[start]: table.set_axis(services) for start, table in shifts.items()})
        judged = {index[start]: one._asdict() for start, one in decisions.items()}
        costs = {p: np.concatenate([slot_costs[start, p] for start in decisions]) for p in learned}
        first = min(decisions)
        return cls(
            slices.xs("all", level="slice").assign(learned_until=until),
            slices.drop("all", level="slice"),
            shift.rename_axis(["period", "slice"]),
            pd.DataFrame.from_dict(judged, orient="index").rename_axis("period"),
            pd.DataFrame(costs, index=index[first : first + len(costs["once"])]),
            tolerance,
        )

    def summary(self, block: int | None = None, confidence: float = 0.95) -> pd.DataFrame:
        """Return what each policy was worth over all periods, and whether retraining paid.

        Parameters
        ----------
        block : int, optional
            Slots that the bootstrap draws together; a period by default, since days differ more than slots.
        confidence : float
            Of the interval of what is saved.

        Returns
        -------
        DataFrame
            A row for each policy: ``cost``, ``violation_rate``, ``surplus``, ``trainings`` (the first included),
            ``saved`` (share of the cost of training once), bounds ``low`` and ``high`` of a block bootstrap interval of
            the paired differences, and ``verdict``: "pays", "does not pay" (it costs more) or "indistinguishable".
        """
        import pandas as pd

        size = len(self.slot_costs) // len(self.decisions) if block is None else block
        rows: dict[str, dict[str, Any]] = {}
        for policy in POLICIES:
            own = self.periods.xs(policy, level="policy")
            rows[policy] = {name: float(own[name].mean()) for name in ("cost", "violation_rate", "surplus")}
            rows[policy]["trainings"] = int(own["learned_until"].nunique())
            differences = (self.slot_costs["once"] - self.slot_costs[policy]).to_numpy()
            found = mean_interval(differences, size, confidence=confidence, draws=4000, seed=0)
            saved, low, high = (value and value / rows["once"]["cost"] for value in found)
            rows[policy] |= {"saved": saved, "low": low, "high": high}
            rows[policy]["verdict"] = "" if policy == "once" else _verdict(low, high)
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("policy")

    def plot(self) -> Figure:
        """Draw the cost of each period by policy, the rule's ratio, and the shift of the demand beneath.

        Raises
        ------
        ExtraNotInstalledError
            If matplotlib is not installed.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ExtraNotInstalledError(
                "plot() needs matplotlib; install with: pip install 'edgeopt[plot]'"
            ) from error
        figure, axes = plt.subplots(4, 1, sharex=True, figsize=(8, 9), height_ratios=[3, 2, 2, 2], layout="constrained")
        places = np.arange(len(self.decisions))
        self._draw_cost(axes[0], axes[1], places)
        self._draw_rule(axes[2], places)
        self._draw_shift(axes[3], places)
        names = [f"{start:%d %b}" if hasattr(start, "strftime") else str(start) for start in self.decisions.index]
        shown = slice(None, None, -(-len(names) // 9))
        axes[3].set_xticks(places[shown], names[shown])
        axes[3].set(xlabel="period, by its first slot")
        for one in axes:
            one.grid(alpha=0.3)
        drawn: Figure = figure
        return drawn

    def _draw_cost(self, above: Any, below: Any, places: NDArray[np.intp]) -> None:
        costs = self.periods["cost"].unstack("policy")
        for policy, style in _STYLES.items():
            above.plot(places, costs[policy], label=_LABELS[policy], **style)
            if policy != "once":
                below.plot(places, 100 * (1 - costs[policy] / costs["once"]), **style)
        refitted = self._refitted("drift")
        below.plot(
            places[refitted], np.zeros(refitted.sum()), "|", color="tab:red", markersize=18, label="retrained here"
        )
        above.set(ylabel="cost a slot")
        above.legend(frameon=False, fontsize=9)
        below.axhline(0.0, color="black", linewidth=0.8)
        below.set(ylabel="saved against\nonce, %")
        if refitted.any():
            below.legend(frameon=False, fontsize=8)

    def _refitted(self, policy: str) -> NDArray[np.bool_]:
        """Return which periods begin with a model other than that of the period before."""
        until = self.periods.xs(policy, level="policy")["learned_until"]
        return (until != until.shift(fill_value=until.iloc[0])).to_numpy(bool)

    def _draw_rule(self, axes: Any, places: NDArray[np.intp]) -> None:
        found = self.decisions
        around = np.abs(found[["low", "high"]].to_numpy().T - found["ratio"].to_numpy())
        axes.errorbar(places, found["ratio"], yerr=around, fmt="^", color="tab:orange", markersize=4, capsize=2)
        drifted = found["drifted"].to_numpy(bool)
        axes.plot(places[drifted], found["ratio"][drifted], "o", color="tab:red", markersize=9, fillstyle="none")
        axes.axhline(1 + self.tolerance, color="black", linewidth=0.8, linestyle="--")
        axes.axhline(1.0, color="black", linewidth=0.8)
        axes.set(ylabel="cost / validation\n(red: drifted)")

    def _draw_shift(self, axes: Any, places: NDArray[np.intp]) -> None:
        distance = self.shift["ks"].unstack("slice")
        axes.fill_between(places, distance.min(axis=1), distance.max(axis=1), color="tab:green", alpha=0.2)
        axes.plot(places, distance.median(axis=1), "d-", color="tab:green", markersize=4, label="median and range")
        usual = self.shift["ks_usual"].groupby(level="slice").first()
        if usual.notna().any():
            axes.axhline(usual.median(), color="black", linewidth=0.8, linestyle="--", label="largest in training")
        axes.set(ylabel="KS distance\nof the slices", ylim=(0, 1.3), yticks=(0, 0.5, 1))
        axes.legend(frameon=False, fontsize=8, ncols=2, loc="upper left")

    def __repr__(self) -> str:
        drifted = int(self.decisions["drifted"].sum())
        return f"{len(self.decisions)} periods, {drifted} drifted\n{self.summary().round(4).to_string()}"


def _verdict(low: float, high: float) -> str:
    return "pays" if low > 0 else "does not pay" if high < 0 else "indistinguishable"
