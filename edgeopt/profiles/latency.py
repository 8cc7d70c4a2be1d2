"""How long an early-exit network takes for a decision, on average, as a function of the share that is taken locally.

Giannakas et al. (2025, V-B): every sample passes the local features; a local one then the local exit, a remote one the
round trip and the remote layers. Their four part times reproduce every value of their Table IV.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..model.records import Record, float_array, number, require

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike

ROUND_TRIP = 42.46e-3
"""Seconds from the edge to the cloud and back (Hsu et al., Couper, SEC 2019), as both papers use it."""


@dataclass(frozen=True)
class ExitTimes(Record):
    """Times of the parts of an early-exit network, seconds a sample.

    Attributes
    ----------
    features : float
        Local feature block, F0.
    local : float
        Local exit, F1.
    remote : float
        Remote layers, F2.
    round_trip : float
        To the cloud and back.
    offloader : float
        The rule that decides; 0 in Giannakas et al. (2025), where it is left out.
    passes : int
        Further passes through the local blocks for each decision (the uncertainty rule's B).

    Examples
    --------
    >>> f"{1e3 * ExitTimes(0.1e-3, 0.12e-3, 0.23e-3).expected(0.462):.1f} ms"
    '23.1 ms'
    """

    features: float
    local: float
    remote: float
    round_trip: float = ROUND_TRIP
    offloader: float = 0.0
    passes: int = 0

    def __post_init__(self) -> None:
        for name in ("features", "local", "remote", "round_trip", "offloader", "passes"):
            number(getattr(self, name), name, at_least=0.0)

    def expected(self, local_fraction: ArrayLike) -> Any:
        """Return the mean seconds a sample where this share of the samples is resolved locally.

        Raises
        ------
        InvalidProblemError
            If a share is outside [0, 1].
        """
        share = float_array(np.atleast_1d(np.asarray(local_fraction, dtype=float)), "local_fraction")
        require("local_fraction", share, (share >= 0) & (share <= 1), "must lie between 0 and 1")
        always = self.features + self.offloader + self.passes * (self.features + self.local)
        seconds = always + share * self.local + (1 - share) * (self.round_trip + self.remote)
        return float(seconds[0]) if np.ndim(local_fraction) == 0 else seconds

    @classmethod
    def measured(
        cls, parts: tuple[torch.nn.Module, torch.nn.Module, torch.nn.Module], past: torch.Tensor, repeats: int = 11
    ) -> Self:
        """Time the three parts on this machine, one sample after the other, and take the medians.

        Parameters
        ----------
        parts : three modules
            From samples to features, from features to the local answer, and from features to the remote one.
        past : Tensor
            Samples.
        repeats : int
            Samples that are timed.
        """
        import torch

        times = np.empty((3, repeats))
        with torch.no_grad():
            for turn in range(-2, repeats):  # two to warm up
                given: Any = past[turn % len(past)][None]
                for part, module in enumerate(parts):
                    started = time.perf_counter()
                    answer = module(given)
                    if turn >= 0:
                        times[part, turn] = time.perf_counter() - started
                    given = answer if part == 0 else given
        features, local, remote = (float(seconds) for seconds in np.median(times, axis=1))
        return cls(features, local, remote)


GIANNAKAS2025 = ExitTimes(0.1e-3, 0.12e-3, 0.23e-3)
"""Part times of Giannakas et al. (2025, V-B) on an NVIDIA Tesla T4."""
