"""What the paper claims of exits and curves, and what the runs say: of printed networks, and of residual ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..early_exit.baselines import gated, percent, said
from ..early_exit.curves import at_shares
from ..verdicts import Verdict, paired_verdict
from .runs import KINDS, OPTIMIZED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..report import Report
    from .runs import Runs


def write(report: Report, runs: Runs, exit: str) -> None:
    """Record the claims for one sort of exits."""
    _joint(report, runs, exit)
    _kinds(report, runs, exit)
    _curves(report, runs, exit)


def _joint(report: Report, runs: Runs, exit: str) -> None:
    for kind, label in KINDS.items():
        found = runs.exits(kind, 1, exit)
        own = paired_verdict(found.remote, 0.8 * found.centralised)
        verdict, note = gated(own, runs.gate(kind, 1, exit), "against the same network trained alone to convergence")
        what = f"{exit}: a local exit during training lowers the cost with everything remote, {label} (observation 1)"
        report.claim(what, "20 to 40", said(percent(found.remote, found.centralised)), "% lower", verdict, note)


def _kinds(report: Report, runs: Runs, exit: str) -> None:
    lstm, cnn = (runs.exits(kind, 1, exit).remote for kind in ("lstm", "conv"))
    verdict, note = gated(paired_verdict(lstm, cnn), runs.gate("lstm", 1, exit), "remote exits, one local exit")
    report.claim(f"{exit}: LSTM beats CNN (observation 3)", "yes", said(percent(lstm, cnn)), "% lower", verdict, note)


def _at(runs: Runs, kind: str, sites: int, exit: str, rule: str, share: float) -> NDArray[np.float64]:
    return np.asarray(at_shares(runs.points(kind, sites, exit), rule, [share])[share])


def _curves(report: Report, runs: Runs, exit: str) -> None:
    rows = []
    for kind, label in KINDS.items():
        for sites in (1, 2):
            central = runs.exits(kind, sites, exit).centralised.to_numpy()
            for share in (0.3, 0.4, 0.5):
                costs = [_at(runs, kind, sites, exit, rule, share) for rule in ("Oracle", OPTIMIZED.name, "Random")]
                extra = 100 * (costs[1] / central - 1).mean()
                rows.append((label, sites, share, *(cost.mean() for cost in costs), central.mean(), extra))
            optimized = _at(runs, kind, sites, exit, OPTIMIZED.name, 0.4)
            gate = runs.gate(kind, sites, exit)
            verdict, note = gated(paired_verdict(optimized, 1.005 * central), gate, "within half a per cent")
            what = f"{exit}: 40 % local at no more cost than the centralised {label}, {sites} site(s) (observation 2)"
            report.claim(what, "yes", said(percent(optimized, central)), "% lower", verdict, note)
            line = _at(runs, kind, sites, exit, "Random", 0.4)
            verdict, note = gated(paired_verdict(optimized, line), gate, "at 40 % local")
            what = f"{exit}: Optimized costs less than Random, {label}, {sites} site(s)"
            report.claim(what, "yes", said(percent(optimized, line)), "% lower", verdict, note)
        one, two = (_at(runs, kind, count, exit, OPTIMIZED.name, 0.4) for count in (1, 2))
        verdict, note = gated(paired_verdict(one, two), runs.gate(kind, 2, exit), "Optimized, at 40 % local")
        what = f"{exit}: a second local exit raises the curve, {label} (observation 4)"
        report.claim(what, "yes", said(percent(one, two)), "% lower with one", verdict, note)
    columns = ["network", "sites", "local", "oracle", "optimized", "random", "centralised", "extra_percent"]
    table = pd.DataFrame(rows, columns=columns)
    report.table(f"shares_{exit}", table, f"Costs at given local shares ({exit} networks)")
    ordered = bool((table.oracle <= table.random).all())
    what = f"{exit}: the Oracle costs no more than Random"
    report.claim(what, "yes", "everywhere" if ordered else "not everywhere", "", Verdict.of(ordered), "by construction")
