"""What a fitted allocator consists of, and how it answers: through the network's exits, as the rule decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..model.errors import InvalidProblemError
from .exits import ExitSamples
from .exits import answers as exit_answers
from .provisioning import Provisioning
from .slice_answers import Allocations, HeldOut
from .slice_tables import times_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ..profiles.own_costs import Cost
    from .baseline_rules import Rule
    from .ddnn import DDNN
    from .exit_odds import ExitOdds
    from .slice_view import SliceView

_BATCH = 512


@dataclass(frozen=True, eq=False)
class SliceModel:
    """All that an answer needs.

    Attributes
    ----------
    view : SliceView
        What the network sees of a table.
    network : DDNN
        Both exits.
    rule : Rule
        Which exit answers.
    odds : ExitOdds
        How sure that is.
    margin : (slices,) float
        Persistence's cheapest margin, on the scale, in the order of the network.
    """

    view: SliceView
    network: DDNN
    rule: Rule
    odds: ExitOdds
    margin: NDArray[np.float64]

    def allocate(self, recent: pd.DataFrame, slots: int | None) -> Allocations:
        """Answer for the next slot and those before it; see :meth:`.slice_allocator.SliceAllocator.allocate`."""
        form, least = self.view.form, self.view.window + (slots or 1) - 1
        index = times_of(recent, "recent")
        if slots is not None:  # what lies further back is not read: an old gap keeps nobody from allocating
            recent, index = recent.iloc[-least:], index[-least:]
        values = form.values(recent, "recent", least=least)
        answers, local, confidence = self._ask(self.view.inputs(values, index))
        given = self.view.in_units(answers, self.network.within)
        self._check_finite(given, values)
        return Allocations(self.view.slots(index), form.slices, given, local, confidence)

    def held_out(self, demand: pd.DataFrame, cost: Cost) -> HeldOut:
        """Price what each way to allocate gives in the slots of a table; its first rows are the past alone."""
        view, window = self.view, self.view.window
        values = view.form.values(demand, least=window + 1)
        index = times_of(demand)
        past = view.inputs(values, index)[:-1]
        given, local, _ = self._ask(past)
        exits = [answer.numpy() for _, answer in exit_answers(self.network, torch.from_numpy(past))]
        latest = past[:, : len(self.margin), -1] + self.margin
        named = zip(("persistence", "edge", "cloud", "allocator"), (latest, *exits, given), strict=True)
        wanted = view.scale.normalise(values[window:])
        found = {
            name: Provisioning.of(
                view.scale.normalise(view.in_units(answer, self.network.within)),
                wanted,
                cost,
                services=view.form.slices,
                scale=view.scale,
            )
            for name, answer in named
        }
        times = view.slots(index)
        return HeldOut(times[0], times[-2], float(local.mean()), found)

    def _check_finite(self, given: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Refuse demands so far from those learned from that single precision has no answer."""
        if np.isfinite(given).all():
            return
        scale, names = self.view.scale, self.view.form.slices
        row, place = np.unravel_index(int((values / (scale.lowest + scale.span)).argmax()), values.shape)
        most = scale.lowest[place] + scale.span[place]
        raise InvalidProblemError(
            f"recent has a demand of {names[place]} of {values[row, place]:g}, to which there is no finite answer; the "
            f"highest in training was {most:g}: give demands in the same unit"
        )

    def _ask(self, past: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]:
        """Return answers, whether the edge gave them, and confidence; the cloud is asked for what the edge sends."""
        self.network.eval()
        parts = []
        with torch.no_grad():
            for some in torch.split(torch.from_numpy(past), _BATCH):
                features = self.network.features(some)
                answer = self.network.local(features, some)
                scores = self._scores(some, features, answer)
                local = scores <= self.rule.threshold
                if (away := torch.from_numpy(~local)).any():
                    answer[away] = self.network.cloud([z[away] for z in features], some[away])
                parts.append((answer.numpy(), local, self.odds.confidence(scores, local)))
        answers, stay, confidence = (np.concatenate(part) for part in zip(*parts, strict=True))
        return answers, stay, confidence

    def _scores(self, past: torch.Tensor, features: list[torch.Tensor], local: torch.Tensor) -> NDArray[np.float64]:
        """Return the rule's score of each slot, from what the edge knows."""
        unknown = np.full((len(past), 1), np.nan)
        flat = torch.cat([z.flatten(1) for z in features], dim=1)
        samples = ExitSamples(past.numpy(), flat.numpy(), local.numpy(), unknown, unknown)
        return self.rule.scores(samples)
