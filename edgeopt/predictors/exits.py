"""What both exits of a trained network say, and what it costs: the meta-data that offloading rules learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
import torch

from ..formulations.offloading import OfflineOffloading
from ..model.errors import InvalidProblemError
from ..profiles.own_costs import check_cost
from .provisioning import Provisioning

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..profiles.own_costs import Cost
    from .ddnn import DDNN
    from .samples import MinMax


@dataclass(frozen=True, eq=False)
class ExitSamples:
    """Samples with what the edge knows of them, and the costs of both exits, which are known only afterwards.

    Attributes
    ----------
    past : (samples, series, window) float
        What the network was given, with features of the slots below the series where it reads a calendar.
    features : (samples, width) float
        ``z`` of all sites.
    local : (samples, series) float
        Answer of the local exits.
    local_cost, remote_cost : (samples, sites) float
        Cost of both exits' answers on each site's series, summed over them (eq. 7 and 8 of Giannakas et al. 2025).
    """

    past: NDArray[np.float32]
    features: NDArray[np.float32]
    local: NDArray[np.float32]
    local_cost: NDArray[np.float64]
    remote_cost: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.past)

    @classmethod
    def of(cls, model: DDNN, past: ArrayLike, demand: ArrayLike, cost: Cost, batch: int = 512) -> Self:
        """Ask a trained network, and price both answers by the exact cost.

        Raises
        ------
        InvalidProblemError
            If samples and demands do not match.
        """
        given, wanted = np.ascontiguousarray(past, dtype=np.float32), np.asarray(demand, dtype=np.float64)
        if given.ndim != 3 or wanted.shape != (len(given), model.series):
            raise InvalidProblemError(f"past {given.shape} and demand {wanted.shape} do not match")
        check_cost(cost, model.series)
        answers = [_ask(model, torch.from_numpy(given[i : i + batch])) for i in range(0, len(given), batch)]
        features, local, remote = (np.concatenate(part) for part in zip(*answers, strict=True))
        costs = [np.asarray(cost.exact(answer, wanted)) for answer in (local, remote)]
        totals = [np.stack([one[:, own].sum(axis=1) for own in model.cells], axis=1) for one in costs]
        return cls(given, features, local, *totals)

    @property
    def benefit(self) -> NDArray[np.float64]:
        """(samples,) what the cloud saves on each sample, over all sites: ``C_L - C_R``."""
        saved: NDArray[np.float64] = self.local_cost.sum(axis=1) - self.remote_cost.sum(axis=1)
        return saved

    def problem(self, min_local_fraction: float = 0.0, transmission_cost: float = 0.0) -> OfflineOffloading:
        """Return the offline problem whose optimum the rules imitate (eq. 11; eq. 9 of Ehsanian and Spyropoulos)."""
        return OfflineOffloading(
            self.local_cost.sum(axis=1), self.remote_cost.sum(axis=1), min_local_fraction, transmission_cost
        )

    def cost(self, local: NDArray[np.bool_]) -> float:
        """Mean cost of a sample where these stay local (eq. 13); the transmission cost is left out."""
        chosen = np.where(local, self.local_cost.sum(axis=1), self.remote_cost.sum(axis=1))
        return float(chosen.mean())

    def rows(self, which: slice | NDArray[np.intp]) -> ExitSamples:
        """Return some of the samples."""
        parts = ("past", "features", "local", "local_cost", "remote_cost")
        return replace(self, **{name: getattr(self, name)[which] for name in parts})

    def at_site(self, site: int, cells: Sequence[int]) -> ExitSamples:
        """Return what one site sees of the samples, and its own costs: for rules that decide site by site."""
        width = self.features.shape[1] // self.local_cost.shape[1]
        return ExitSamples(
            np.ascontiguousarray(self.past[:, cells]),
            self.features[:, site * width : (site + 1) * width],
            self.local[:, cells],
            self.local_cost[:, [site]],
            self.remote_cost[:, [site]],
        )


def answers(
    model: DDNN, past: torch.Tensor, exits: Sequence[str] = ("local", "remote"), batch: int = 512
) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the name and the answers (samples, series) of each of these exits, without gradients, where `past` is.

    The network may be elsewhere: one that is trained on a GPU is asked there.
    """
    model.eval()
    home = next(model.parameters()).device
    with torch.no_grad():
        parts = [(model.features(some), some) for some in torch.split(past.to(home), batch)]
        for name in exits:
            ask = model.local if name == "local" else model.cloud
            yield name, torch.cat([ask(features, some) for features, some in parts]).to(past.device)


def provisioning(
    model: DDNN,
    past: ArrayLike,
    demand: ArrayLike,
    cost: Cost,
    *,
    local: ArrayLike | None = None,
    services: Sequence[object] | None = None,
    scale: MinMax | None = None,
) -> dict[str, Provisioning]:
    """Return cost, SLA violations and volume in vain of each exit, slice by slice.

    Parameters
    ----------
    past, demand : (samples, series, window) and (samples, series) float
        Samples and what was demanded.
    cost : Cost
        What is paid.
    local : (samples,) bool, optional
        Which samples stay local, as rules decide.
    services, scale
        As in :meth:`Provisioning.of`, in the order of the series.

    Returns
    -------
    dict of str to Provisioning
        ``"local"`` (where the network has local exits), ``"remote"``, and with `local` ``"rule"``, the mixture.

    Raises
    ------
    InvalidProblemError
        If samples, demands and decisions do not match, or a value is not finite.
    """
    given = torch.from_numpy(np.ascontiguousarray(past, dtype=np.float32))
    exits = ("local", "remote") if model.exits else ("remote",)
    found = {name: answer.numpy() for name, answer in answers(model, given, exits)}
    if local is not None:
        stay = np.asarray(local, dtype=bool)
        if stay.shape != (len(given),) or not model.exits:
            raise InvalidProblemError(
                f"local has shape {stay.shape}; expected ({len(given)},), and a network with local exits"
            )
        found["rule"] = np.where(stay[:, None], found["local"], found["remote"])
    return {
        name: Provisioning.of(answer, demand, cost, services=services, scale=scale) for name, answer in found.items()
    }


def _ask(model: DDNN, past: torch.Tensor) -> tuple[NDArray[np.float32], ...]:
    model.eval()
    with torch.no_grad():
        features = model.features(past)
        answers = model.local(features, past), model.cloud(features, past)
    flat = torch.cat([z.flatten(1) for z in features], dim=1)
    return tuple(part.numpy() for part in (flat, *answers))


def independent_costs(
    model: DDNN, past: ArrayLike, demand: ArrayLike, cost: Cost, local: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the cost of each sample where each site decides on its own: one that stays local sends nothing.

    Parameters
    ----------
    local : (samples, sites) bool
        Sites that take their own exit; zeros stand in for their features in the cloud.
    """
    given, wanted = np.ascontiguousarray(past, dtype=np.float32), np.asarray(demand, dtype=np.float64)
    stay = np.asarray(local, dtype=bool)
    if stay.shape != (len(given), len(model.cells)):
        raise InvalidProblemError(f"local has shape {stay.shape}; expected ({len(given)}, {len(model.cells)})")
    check_cost(cost, model.series)
    model.eval()
    with torch.no_grad():
        inputs = torch.from_numpy(given)
        features = model.features(inputs)
        answer = model.cloud(features, inputs, torch.from_numpy(~stay)).numpy()
        own = model.local(features, inputs).numpy()
    for site, cells in enumerate(model.cells):
        answer[:, cells] = np.where(stay[:, site, None], own[:, cells], answer[:, cells])
    total: NDArray[np.float64] = np.asarray(cost.exact(answer, wanted)).sum(axis=1)
    return total
