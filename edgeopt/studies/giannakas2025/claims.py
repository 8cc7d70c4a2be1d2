"""What the paper claims of costs, and what the runs say: once of the printed networks, once of the residual ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..early_exit.baselines import NAMES, gated, percent, said
from ..early_exit.curves import at_shares
from ..verdicts import Verdict, paired_verdict
from .runs import BEYOND, OPTIMIZED, SETTINGS, UNCERTAINTY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..report import Report
    from .runs import Runs

FIGURE_4 = ("4a", "4b", "4c", "4d")
PRINTED_EXTRA = {"4a": (0.5, 0.0), "4b": (0.5, 5.0), "4c": (0.4, 5.0), "4d": (0.58, 7.0)}
"""Local share of the Optimized rule and its cost above DeepCog's in per cent, as V-D reads figure 4."""


def write(report: Report, runs: Runs, exit: str) -> None:
    """Record the claims on exits and rules for one sort of exits."""
    _exits(report, runs, exit)
    _rules(report, runs, exit)
    _extra(report, runs, exit)


def _all_gates(runs: Runs, exit: str, figures: tuple[str, ...]) -> tuple[Verdict, str]:
    """Return the first gate that is closed, or the last one."""
    gates = [runs.gate(figure, exit) for figure in figures]
    return next((gate for gate in gates if gate[0] is not Verdict.HOLDS), gates[-1])


def _exits(report: Report, runs: Runs, exit: str) -> None:
    costs = {figure: runs.exits(figure, exit) for figure in SETTINGS}
    ratio = np.mean([found.cloud / found.deepcog for found in costs.values()], axis=0)
    verdict, note = gated(
        paired_verdict(ratio, np.ones_like(ratio)),
        _all_gates(runs, exit, tuple(SETTINGS)),
        "mean over five settings, training to convergence",
    )
    ours = percent(ratio, np.ones_like(ratio))
    report.claim(f"{exit}: joint training lowers the remote exit's cost (III-B)", "yes", said(ours), "%", verdict, note)
    for figure, paper in (("4a", 14), ("3b", 30)):
        found = costs[figure]
        verdict, note = gated(paired_verdict(found.cloud, found.edge), runs.gate(figure, exit), "")
        ours = percent(2 * found.cloud - found.edge, found.cloud)  # (edge - cloud) / cloud
        what = f"{exit}: the edge costs more than the cloud at c_u = {SETTINGS[figure][0]:g} (V-C)"
        report.claim(what, paper, said(ours), "%", verdict, note)
    cheaper = 100 * costs["4a"].edge_cheaper
    near = Verdict.of(bool(abs(cheaper.mean() - 20) <= 10))
    verdict, note = gated(near, runs.gate("4a", exit), "holds within 10 points of the print")
    what = f"{exit}: the edge is cheaper for some samples at c_u = 0.5 (V-C)"
    report.claim(
        what, "around 20", f"{cheaper.mean():.0f} ({cheaper.min():.0f} to {cheaper.max():.0f})", "%", verdict, note
    )
    for figure in ("4a", "4b"):
        bar = runs.bar(figure).cost
        above = {name: 100 * (costs[figure].cloud.mean() / bar[name].mean() - 1) for name in NAMES}
        against = ", ".join(f"{value:+.1f} % against {name}" for name, value in above.items())
        report.finding(
            f"{exit}: cost of the cloud at c_u = {SETTINGS[figure][0]:g}", against, "%", "mean over the seeds"
        )


def _relative(runs: Runs, exit: str, rule: str) -> NDArray[np.float64]:
    """Return a rule's cost over that of chance, by seed: mean over 30, 50 and 70 % local and four settings."""
    shares, ratios = (0.3, 0.5, 0.7), []
    for figure in FIGURE_4:
        found = runs.points(figure, exit)
        ratios.append((at_shares(found, rule, shares) / at_shares(found, "Random", shares)).mean(axis=1))
    return np.asarray(np.mean(ratios, axis=0))


def _rules(report: Report, runs: Runs, exit: str) -> None:
    gate = _all_gates(runs, exit, FIGURE_4)
    note = "mean over 30, 50 and 70 % local and four settings, relative to chance"
    optimized = _relative(runs, exit, OPTIMIZED.name)
    pairs = [("Optimized costs less than Random (take-away 2)", optimized, _relative(runs, exit, "Random"))]
    pairs += [
        (f"Optimized costs less than {u.name} (V-D)", optimized, _relative(runs, exit, u.name)) for u in UNCERTAINTY
    ]
    for claim, first, second in pairs:
        verdict, why = gated(paired_verdict(first, second), gate, note)
        report.claim(f"{exit}: {claim}", "always", said(percent(first, second)), "% less", verdict, why)
    oracle = _relative(runs, exit, "Oracle")
    kept = 100 * (1 - optimized) / (1 - oracle)
    verdict, why = gated(
        Verdict.of(bool(kept.mean() >= 50)), gate, "share of what the Oracle saves against chance; 50 % is near"
    )
    report.claim(
        f"{exit}: Optimized is close to the Oracle (V-D)", "in 3 of 4", f"{kept.mean():.0f}", "% kept", verdict, why
    )
    for family in BEYOND:
        ours = said(percent(_relative(runs, exit, family.name), optimized))
        report.finding(f"{exit}: {family.name} costs less than Optimized", ours, "% less", note)


def _extra(report: Report, runs: Runs, exit: str) -> None:
    """Compare the Optimized rule, and the Oracle at 70 %, with DeepCog."""
    rows = []
    for figure, (share, most) in PRINTED_EXTRA.items():
        deepcog = runs.exits(figure, exit).deepcog.to_numpy()
        paid = at_shares(runs.points(figure, exit), OPTIMIZED.name, [share])[share].to_numpy()
        verdict, note = gated(paired_verdict(paid, (1 + most / 100) * deepcog), runs.gate(figure, exit), "")
        ours = percent(2 * deepcog - paid, deepcog)
        what = f"{exit}: Optimized keeps {100 * share:.0f} % local at no more than {most:g} % above DeepCog ({figure})"
        report.claim(what, f"{most:g}", said(ours), "% above", verdict, note)
        rows.append((exit, figure, share, most, 100 * (paid / deepcog - 1).mean(), 100 * (paid / deepcog - 1).max()))
    columns = ["exit", "figure", "local", "paper_percent", "extra_percent", "worst_seed_percent"]
    table = pd.DataFrame(rows, columns=columns)
    report.table(f"extra_cost_{exit}", table, f"What the Optimized rule costs more than DeepCog ({exit} exits)")
    deepcog = runs.exits("4a", exit).deepcog.to_numpy()
    paid = at_shares(runs.points("4a", exit), "Oracle", [0.7])[0.7].to_numpy()
    verdict, note = gated(paired_verdict(paid, deepcog), runs.gate("4a", exit), "")
    what = f"{exit}: the Oracle at L = 70 % costs no more than DeepCog at c_u = 0.5 (take-away 1)"
    report.claim(what, "yes", said(percent(paid, deepcog)), "% less", verdict, note)
