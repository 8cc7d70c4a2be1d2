"""Named axes: expressions align by the names of their dimensions, never by sizes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..model.errors import InvalidProblemError


class Axis(NamedTuple):
    """One dimension of an expression: its name, and how many positions it has."""

    name: str
    size: int


Axes = tuple[Axis, ...]


def parse(dimension: str) -> tuple[str, str]:
    """Return label and dimension of ``"src:nodes"``; a plain name is its own label.

    Raises
    ------
    InvalidProblemError
        If it is no such name.
    """
    if not isinstance(dimension, str):
        raise InvalidProblemError(f"a dimension is {dimension!r}; expected its name, as 'models' or 'src:nodes'")
    label, _, kind = dimension.partition(":")
    kind = kind or label
    if not (label.isidentifier() and kind.isidentifier()):
        raise InvalidProblemError(f"a dimension is called {dimension!r}; expected a name, as 'models' or 'src:nodes'")
    return label, kind


def check_distinct(dimensions: Sequence[str], what: str) -> None:
    """Raise if a dimension stands twice without labels of its own."""
    labels = [parse(dimension)[0] for dimension in dimensions]
    for label in labels:
        if labels.count(label) > 1:
            raise InvalidProblemError(
                f"{what} has the dimension {label!r} twice; give each its own label, as 'from:{label}', 'to:{label}'"
            )


def union(parts: Iterable[Axes], what: str) -> Axes:
    """Return the axes of several operands in the order in which they first appear.

    Raises
    ------
    InvalidProblemError
        If two axes of one name differ in size.
    """
    found: dict[str, Axis] = {}
    for axes in parts:
        for axis in axes:
            known = found.setdefault(axis.name, axis)
            if known.size != axis.size:
                raise InvalidProblemError(
                    f"{what}: the dimension {axis.name!r} has {known.size} positions on one side and {axis.size} on "
                    "the other; slice both alike (x[:, 1:] - x[:, :-1]), or rename one"
                )
    return tuple(found.values())


def shape(axes: Axes) -> tuple[int, ...]:
    """Return the sizes of the axes."""
    return tuple(axis.size for axis in axes)


def names(axes: Axes) -> tuple[str, ...]:
    """Return the names of the axes."""
    return tuple(axis.name for axis in axes)


def shown(axes: Axes) -> str:
    """Return the axes in words: ``(requests: 6, models: 4)``."""
    return "(" + ", ".join(f"{axis.name}: {axis.size}" for axis in axes) + ")"


def position(axes: Axes, name: str, what: str) -> int:
    """Return where `name` stands among the axes.

    Raises
    ------
    InvalidProblemError
        If it is not among them.
    """
    for place, axis in enumerate(axes):
        if axis.name == name:
            return place
    raise InvalidProblemError(f"{what}: there is no dimension {name!r} in {shown(axes)}")
