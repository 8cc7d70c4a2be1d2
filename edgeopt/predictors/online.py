"""Learning while deciding: Algorithm 1 of Lyu et al. (2024), one forecast, one program and one gradient step a slot.

The paper's target of a slot is the offline optimum, known once the slot is over. It needs the true capacities, which
the text calls unobservable: whoever has none learns capacities from what was accommodated, and takes as target what
should have been reserved with hindsight, under the capacities believed in by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..model.errors import InvalidOptionError, InvalidProblemError
from ..model.records import float_array
from .objective_driven import ObjectiveDriven

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from torch import Tensor

    from .objective_driven import Objective


class OnlineController:
    """A controller that decides, observes and updates in every slot (Lyu et al. 2024, Algorithm 1).

    Parameters
    ----------
    model : ObjectiveDriven
        Predictor, program and capacities, trained or not; its predictor's scale is fitted. It is updated in place.
    loss : str
        As for :meth:`ObjectiveDriven.loss`; ``"supervised"`` is the paper's.
    rate : float
        Of AdamW, as for :func:`~edgeopt.predictors.training.train`.
    weight_decay : float
        Of AdamW.

    Raises
    ------
    InvalidOptionError
        If the loss is unknown or needs the true capacities.

    Examples
    --------
    For each slot::

        reserved = controller.decide(past)
        settled = edgeopt.admit(reserved, truth)
        controller.observe(truth.traffic, best=offline_optimum)
    """

    def __init__(
        self, model: ObjectiveDriven, *, loss: Objective = "supervised", rate: float = 1e-3, weight_decay: float = 1e-4
    ) -> None:
        if loss not in ("forecast", "supervised"):
            raise InvalidOptionError(
                f"loss is {loss!r}; a slot is learned from by 'supervised' (the paper's) or 'forecast': the others "
                "need the true capacities"
            )
        self.model, self.objective = model, loss
        self.rate, self.weight_decay = rate, weight_decay
        self._optimizer = self._new_optimizer()
        self._past: Tensor | None = None
        self._reserved: NDArray[np.float64] | None = None

    def decide(self, past: ArrayLike) -> NDArray[np.float64]:
        """Return what is reserved (services,) for the slot after a window (window, services), oldest first."""
        window = float_array(past, "past", ndim=2)
        self._past = torch.tensor(window, dtype=torch.float32)[None]
        self.model.eval()
        with torch.no_grad():
            self._reserved = self.model(self._past)[0].double().numpy()
        return self._reserved.copy()

    def observe(
        self, traffic: ArrayLike, *, best: ArrayLike | None = None, accommodated: ArrayLike | None = None
    ) -> float:
        """Learn from the slot that was decided last, and return its loss before the step.

        Parameters
        ----------
        traffic : (services,) float
            What arrived.
        best : (services,) float, optional
            Offline optimum of the slot: the paper's target. Without it the target is the optimum under the capacities
            that are believed in; ``capacities="learned"`` cannot do without.
        accommodated : (services,) float, optional
            What got through under throttling, for ``capacities="observed"``.

        Raises
        ------
        InvalidOptionError
            If no slot was decided, or the capacities cannot be learned from what is given.
        """
        if self._past is None or self._reserved is None:
            raise InvalidOptionError("no slot has been decided; call decide(past) before observe(traffic)")
        arrived = self._amounts(traffic, "traffic")
        if accommodated is not None:
            self.model.observe(self._reserved, arrived.numpy(), self._amounts(accommodated, "accommodated").numpy())
        elif self.model.capacities == "observed":
            raise InvalidOptionError("capacities='observed' learn from accommodated; pass what got through")
        if best is None and self.model.capacities == "learned" and self.objective == "supervised":
            raise InvalidOptionError(
                "capacities='learned' need best, the offline optimum of the slot; without it use capacities='observed'"
            )
        target = self._hindsight(arrived) if best is None else self._amounts(best, "best")
        loss = self._step(self._past, arrived.float()[None], target.float()[None])
        self._past = self._reserved = None
        return loss

    def move(self, layer: Any) -> None:
        """Go on with another network for the same services: a link or a server came, went, or routes changed.

        The predictor and its optimiser's memory stay. Capacities that are believed in are carried over by name; of
        servers and links that are new the layer's own are believed.

        Parameters
        ----------
        layer : RevenueLayer
            Program of the new network; its own capacities stand for what is not known.

        Raises
        ------
        InvalidProblemError
            If the services differ: their predictor has another number of series, and is trained anew.
        """
        before, after = self.model.layer.problem, layer.problem
        if tuple(before.service_names) != tuple(after.service_names):
            raise InvalidProblemError(
                f"the new network has the services {list(after.service_names)[:3]}…, other than before; a predictor "
                "has one series for each service: make a new model, and hand the belief over by believe()"
            )
        known = dict(zip(before.resource_names, self.model.capacity.detach().tolist(), strict=True))
        own = layer.capacity.tolist()
        belief = [known.get(name, value) for name, value in zip(after.resource_names, own, strict=True)]
        moved = ObjectiveDriven(self.model.predictor, layer, capacities=self.model.capacities)
        moved.believe(torch.tensor(belief))
        if self.model.bounds is not None:
            moved.bounds = self.model.bounds.moved(after)
        memory = self._optimizer.state
        self.model = moved
        self._past = self._reserved = None
        self._optimizer = self._new_optimizer()
        for parameter in moved.predictor.parameters():
            if parameter in memory:
                self._optimizer.state[parameter] = memory[parameter]

    def _new_optimizer(self) -> torch.optim.Optimizer:
        groups = self.model.parameter_groups(self.rate)
        return torch.optim.AdamW(groups, lr=self.rate, weight_decay=self.weight_decay)

    def _hindsight(self, arrived: Tensor) -> Tensor:
        with torch.no_grad():
            found: Tensor = self.model.layer(arrived[None], self.model.capacity)[0]
        return found

    def _step(self, past: Tensor, arrived: Tensor, target: Tensor) -> float:
        self.model.train()
        loss = self.model.loss(self.objective, past, arrived, target, None)
        if loss.requires_grad:  # persistence with observed capacities has nothing to train
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
        return float(loss.detach())

    def _amounts(self, value: ArrayLike, field: str) -> Tensor:
        array = float_array(value, field)
        if array.shape != (self.model.predictor.series,):
            raise InvalidProblemError(f"{field} has shape {array.shape}; expected ({self.model.predictor.series},)")
        return torch.tensor(array)
