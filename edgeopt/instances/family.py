"""A family: one recipe for many instances, its knobs, and the members that have names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import EdgeOptError, InvalidOptionError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from ..model.problem import Problem


@dataclass(frozen=True)
class Family:
    """A recipe and its named members.

    Attributes
    ----------
    name : str
        ``formulation/family``; a member is called ``formulation/family-member``.
    summary : str
        What its instances are like.
    source : str
        The paper, the data set, or "generated".
    build : callable
        Makes the problem; its keyword arguments are the knobs. One called ``data`` is the folder of the data sets.
    members : mapping of str to mapping
        Values of the knobs by member.
    version : int
        To be raised with every change of what `build` returns.
    """

    name: str
    summary: str
    source: str
    build: Callable[..., Problem]
    members: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    version: int = 1

    @property
    def knobs(self) -> tuple[str, ...]:
        """Names of what can be set, the data folder left out."""
        return tuple(name for name in inspect.signature(self.build).parameters if name != "data")

    @property
    def needs_data(self) -> bool:
        """Whether the recipe reads a data set."""
        return "data" in inspect.signature(self.build).parameters

    def names(self) -> list[str]:
        """Return the full names of the members."""
        return [f"{self.name}-{member}" for member in self.members]

    def problem(self, knobs: Mapping[str, Any], data: Path | None) -> Problem:
        """Build the problem for these values of the knobs.

        Raises
        ------
        InvalidOptionError
            If a knob is unknown, or the recipe reads a data set and there is no data folder.
        """
        if unknown := sorted(set(knobs) - set(self.knobs)):
            known = ", ".join(self.knobs)
            raise InvalidOptionError(f"instances of {self.name!r} have no knob {unknown[0]!r}; there are: {known}")
        if not self.needs_data:
            return self._built(knobs)
        if data is None:
            raise InvalidOptionError(
                f"instances of {self.name!r} are cut from {self.source}; set EDGEOPT_DATA to the folder of the data "
                "sets (`edgeopt data list` names them), or pass data="
            )
        return self._built({"data": data, **knobs})

    def _built(self, knobs: Mapping[str, Any]) -> Problem:
        try:
            return self.build(**knobs)
        except EdgeOptError:
            raise
        except (TypeError, ValueError, OverflowError, MemoryError) as error:
            text = ", ".join(f"{name}={value!r}" for name, value in knobs.items())
            raise InvalidOptionError(f"no instance of {self.name!r} has {text}: {error}") from error


def rounded(values: ArrayLike, digits: int = 8) -> NDArray[np.float64]:
    """Round to significant decimal digits.

    The last bits of exponentials and sums differ between processors; what is rounded to decimals is the same on all of
    them, and so is its fingerprint.
    """
    array = np.asarray(values, dtype=np.float64)
    return np.array([float(f"{value:.{digits}g}") for value in array.ravel()]).reshape(array.shape)


def fraction(value: float, knob: str) -> float:
    """Return `value` if it is a fraction.

    Raises
    ------
    InvalidOptionError
        Names the knob.
    """
    if not 0.0 <= value <= 1.0:
        raise InvalidOptionError(f"{knob} is {value!r}; expected a fraction between 0 and 1")
    return float(value)


def count(value: int, knob: str, at_least: int = 1, at_most: int = 10_000_000) -> int:
    """Return `value` if it is a whole number within its range.

    Raises
    ------
    InvalidOptionError
        Names the knob.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not at_least <= value <= at_most:
        raise InvalidOptionError(f"{knob} is {value!r}; expected a whole number from {at_least} to {at_most}")
    return value


def with_ties(values: NDArray[np.float64], ties: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return `values` with the fraction `ties` of them moved to the nearest of five common levels."""
    levels = np.quantile(values, [0.1, 0.3, 0.5, 0.7, 0.9]) if values.size else np.zeros(5)
    nearest = levels[np.abs(values[..., None] - levels).argmin(axis=-1)]
    return np.asarray(np.where(rng.random(values.shape) < ties, nearest, values))
