"""What both studies of early-exit networks share: traffic, trained networks that stay on disk, and rules' curves."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from ..data import milano, synthetic
from ..exchange.storage import write_atomically
from ..predictors.boxes import TrafficBox
from ..predictors.ddnn import DDNN
from ..predictors.exits import ExitSamples
from ..predictors.joint import train_jointly
from ..predictors.rules import Oracle, RandomRule, Rule
from ..predictors.samples import MinMax, Split, chronological, windows
from ..predictors.training import load_weights, save_weights
from ..profiles.costs import AllocationCost

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

RATE = 1e-3
"""Learning rate of AdamW for all networks."""


def traffic(data: Path | None, quick: bool, cells: int) -> tuple[pd.DataFrame, str]:
    """Return the cells' demand (time x cell) and its source: Milano's where it is at hand, generated otherwise."""
    file = None if data is None else data / "milano/milano_internet_25cells_10min.csv.gz"
    if file is not None and file.is_file():
        frame, source = milano.read_25_cells(file), f"{cells} cells of Milano, November 2013 (Telecom Italia, ODbL)"
    else:
        frame = synthetic.traffic(cells=25, days=30, seed=0)
        source = f"{cells} generated cells with Milano's statistics: no measured traffic was at hand"
    # A square of neighbours: of the 5 x 5 block its first rows and columns.
    side = int(np.sqrt(cells))
    chosen = [5 * row + column for row in range(side) for column in range(side)]
    return frame.iloc[: 14 * 144 if quick else None, chosen], source


@dataclass(frozen=True)
class Network:
    """What defines a trained network.

    Attributes
    ----------
    kind, window, sites : str, int, int
        Of the :class:`~edgeopt.predictors.ddnn.DDNN`.
    cost : AllocationCost
        What it minimises.
    weight : float
        Of the local exits; 0 is the centralised network, without exits.
    residual : bool
        Whether exits correct the latest demand.
    site_dropout : float
        Share of samples in which a site sends nothing during training.
    seed, epochs : int
        Of training.
    """

    kind: str
    window: int
    cost: AllocationCost
    weight: float
    seed: int
    epochs: int
    sites: int = 1
    residual: bool = True
    site_dropout: float = 0.0

    @property
    def name(self) -> str:
        """Name of its file."""
        cost = f"{self.cost.kind}-{self.cost.under:g}-{self.cost.over:g}"
        more = "" if self.residual else "-plain"
        more += f"-drop{self.site_dropout:g}" if self.site_dropout else ""
        return f"{self.kind}-N{self.window}-{cost}-w{self.weight:g}-s{self.sites}-e{self.epochs}{more}-{self.seed}"


@dataclass
class Workshop:
    """Trains networks once, keeps them in ``networks/``, and asks them; a killed run goes on where it was.

    Attributes
    ----------
    folder : Path
        Of the report.
    frame : DataFrame
        Demand, time x cell.
    """

    folder: Path
    frame: pd.DataFrame
    _samples: dict[int, tuple[Any, Any, Split]] = field(default_factory=dict)
    _asked: dict[tuple[str, str], ExitSamples] = field(default_factory=dict)

    def samples(self, window: int) -> tuple[NDArray[np.float64], NDArray[np.float64], Split]:
        """Return past, demand and the chronological split; scale and box are fitted on the training period alone."""
        if window not in self._samples:
            series = self.frame.to_numpy(dtype=float)
            # Samples are cut 60 : 20 : 20; what lies in the first 60 % of the slots is known when training ends.
            known = series[: round(0.6 * (len(series) - window))]
            box = TrafficBox.fit(known)
            past, demand = windows(MinMax.fit(known).normalise(series)[:, box.order], window)
            self._samples[window] = past, demand, chronological(len(demand))
        return self._samples[window]

    def prepare(self, networks: Iterable[Network]) -> None:
        """Train all networks that are not there yet, and say how many are left."""
        wanted = list(dict.fromkeys(networks))
        left = [network for network in wanted if not self._path(network).is_file()]
        for done, network in enumerate(left):
            logger.info("%d of %d networks left to train; now %s", len(left) - done, len(wanted), network.name)
            self.model(network)

    def model(self, network: Network) -> DDNN:
        """Return a trained network, from disk where it was trained before."""
        past, demand, split = self.samples(network.window)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(network.seed)
            model = DDNN(
                network.kind,
                demand.shape[1],
                network.window,
                sites=network.sites,
                exits=network.weight > 0,
                exit="residual" if network.residual else "printed",
            )
        path = self._path(network)
        if path.is_file():
            load_weights(model, path)
            return model.eval()
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        parts = [(past[rows], demand[rows]) for rows in (split.train, split.validation)]
        train_jointly(
            model,
            parts[0],
            parts[1],
            network.cost,
            local_weight=network.weight,
            site_dropout=network.site_dropout,
            seed=network.seed,
            epochs=network.epochs,
            rate=RATE,
            folder=unfinished,
        )
        save_weights(model, path)
        shutil.rmtree(unfinished, ignore_errors=True)
        return model

    def _path(self, network: Network) -> Path:
        return self.folder / "networks" / f"{network.name}.safetensors"

    def ask(self, network: Network, part: str) -> ExitSamples:
        """Return the samples of a part (``"train"``, ``"validation"``, ``"test"``) with both exits' costs."""
        if (network.name, part) not in self._asked:
            past, demand, split = self.samples(network.window)
            rows = getattr(split, part)
            self._asked[network.name, part] = ExitSamples.of(
                self.model(network), past[rows], demand[rows], network.cost
            )
        return self._asked[network.name, part]

    def remote_cost(self, network: Network, part: str = "test") -> float:
        """Mean cost of the remote exit, also of a centralised network."""
        past, demand, split = self.samples(network.window)
        rows, model = getattr(split, part), self.model(network)
        with torch.no_grad():
            given = torch.from_numpy(np.ascontiguousarray(past[rows], dtype=np.float32))
            answers = [model.cloud(model.features(some), some).numpy() for some in torch.split(given, 512)]
        return float(np.asarray(network.cost.exact(np.concatenate(answers), demand[rows])).sum(axis=1).mean())


Make = Callable[[float, int], Rule]


@dataclass
class Curves:
    """Points (L, C) of rules on the test period, kept in ``points.csv`` as they are computed."""

    folder: Path
    _rows: dict[tuple[str, str, float], tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (path := self.folder / "points.csv").is_file():
            for row in pd.read_csv(path).itertuples():
                key: Any = (row.network, row.rule, row.asked)
                self._rows[key] = (float(row.local), float(row.cost))  # type: ignore[arg-type]

    def points(
        self, shop: Workshop, network: Network, rules: dict[str, Make], fractions: Iterable[float]
    ) -> pd.DataFrame:
        """Return the points of all rules for one network, and those of sending everything or nothing."""
        fractions = [float(share) for share in fractions]
        test = shop.ask(network, "test")
        for name, make in rules.items():
            for fraction in fractions:
                key = (network.name, name, fraction)
                if key not in self._rows:
                    local = make(fraction, network.seed).fit(shop.ask(network, "train")).decide(test)
                    self._rows[key] = (float(local.mean()), test.cost(local))
            self._write()
        rows = [(rule, f, network.seed, *self._rows[network.name, rule, f]) for rule in rules for f in fractions]
        for name, stay in (("Cloud", False), ("Edge", True)):
            rows.append((name, float(stay), network.seed, float(stay), test.cost(np.full(len(test), stay))))
        return pd.DataFrame(rows, columns=["rule", "asked", "seed", "local", "cost"])

    def _write(self) -> None:
        rows = [(*key, *point) for key, point in self._rows.items()]
        frame = pd.DataFrame(rows, columns=["network", "rule", "asked", "local", "cost"])
        write_atomically(self.folder / "points.csv", frame.to_csv(index=False).encode())


BASELINES: dict[str, Make] = {"Oracle": lambda share, _: Oracle(share), "Random": RandomRule}
"""The papers' two bounds, which need no training."""


def draw_curves(axes: Axes, points: pd.DataFrame, others: dict[str, float], title: str) -> None:
    """Draw mean curves with a band of one standard deviation over seeds; `others` cost so much with nothing local."""
    for rule, group in points.groupby("rule", sort=False):
        mean = group.groupby("asked")[["local", "cost"]].mean().sort_values("local")
        spread = group.groupby("asked")["cost"].std().reindex(mean.index).fillna(0.0)
        style = {"Oracle": "k-", "Random": "--"}.get(str(rule), "o-")
        (line,) = axes.plot(100 * mean.local, mean.cost, style, label=str(rule), markersize=3, linewidth=1.2)
        axes.fill_between(
            100 * mean.local, mean.cost - spread, mean.cost + spread, color=line.get_color(), alpha=0.15, linewidth=0
        )
    for name, cost in others.items():
        axes.plot(0, cost, "s", label=name)
    axes.set(xlabel="resolved locally [%]", ylabel="mean cost", title=title)
    axes.legend(fontsize=7)


def at_share(points: pd.DataFrame, rule: str, share: float) -> pd.Series[Any]:
    """Return the cost of a rule where this share is local, by seed: linear between its points.

    Every rule can also send everything, or nothing.
    """
    chosen = points[(points.rule == rule) | (points.rule.isin(["Cloud", "Edge"]) & (rule != "Oracle"))]
    return pd.Series(
        {
            seed: float(np.interp(share, *group.sort_values("local")[["local", "cost"]].to_numpy().T))
            for seed, group in chosen.groupby("seed")
        }
    )
