"""A campaign: which instances, solvers, seeds and repetitions, under which limits. It is kept with its results."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from .. import instances as library
from ..exchange.storage import write_atomically
from ..model.errors import DataFormatError, EdgeOptError, InvalidOptionError
from ..solving.registry import find, solvers
from ..solving.solve import RESERVED
from ..solving.spec import parse

FILE = "campaign.json"


@dataclass(frozen=True)
class Campaign:
    """What is to be run: every instance with every solver that can take it, every seed, every repetition.

    Attributes
    ----------
    instances : tuple of str
        Names of :func:`edgeopt.instances.names`, families with knobs, or paths of files.
    solvers : tuple of str
        Registered names, ``name:variant``, each with options of its own in brackets: ``genetic[population=50]``.
    seeds : tuple of int
        Seeds that each solver is given.
    repetitions : int
        How often everything is run.
    time_limit, memory_limit : float
        Hard limits of one task, seconds and bytes.
    threads : int
        Threads that a task may use.
    fingerprints : tuple of str
        Of the instances, as they were when the campaign was made; found out if not given.

    Raises
    ------
    InvalidOptionError
        If a name is unknown, a list is empty, or a limit makes no sense.
    """

    instances: tuple[str, ...]
    solvers: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)
    repetitions: int = 1
    time_limit: float = 60.0
    memory_limit: float = 4e9
    threads: int = 1
    fingerprints: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, kind in (("instances", str), ("solvers", str), ("seeds", int)):
            object.__setattr__(self, name, _listed(name, getattr(self, name), kind))
        for name in ("repetitions", "threads"):
            _whole_number(name, getattr(self, name), at_least=1)
        for name in ("time_limit", "memory_limit"):
            object.__setattr__(self, name, _positive(name, getattr(self, name)))
        for seed in self.seeds:
            _whole_number("seed", seed, at_least=0)
        if not self.fingerprints:
            for entry in self.solvers:
                _check_solver(entry)
            # Two spellings of one path are one instance.
            object.__setattr__(self, "instances", tuple(dict.fromkeys(map(_whole_path, self.instances))))
            marks = tuple(library.describe_one(name)["fingerprint"] for name in self.instances)
            object.__setattr__(self, "fingerprints", marks)
        if len(self.fingerprints) != len(self.instances):
            raise InvalidOptionError(f"{len(self.fingerprints)} fingerprints for {len(self.instances)} instances")

    @property
    def tasks(self) -> int:
        """Pairs of instance and solver, those that refuse each other included, times seeds and repetitions."""
        return len(self.instances) * len(self.solvers) * len(self.seeds) * self.repetitions

    def asks_for(self, task: Mapping[str, Any]) -> bool:
        """Whether a task is one of this campaign."""
        pairs = set(zip(self.instances, self.fingerprints, strict=True))
        limits = all(task[name] == getattr(self, name) for name in ("time_limit", "memory_limit", "threads"))
        known = task["solver"] in self.solvers and task["seed"] in self.seeds
        return (
            limits
            and known
            and task["repetition"] < self.repetitions
            and (task["instance"], task["fingerprint"]) in pairs
        )

    @classmethod
    def of(
        cls, instances: Sequence[str | Path] | None = None, solvers: Sequence[str] | None = None, **rest: Any
    ) -> Campaign:
        """Return a campaign from patterns, ``split/*`` say; by default of all that ships and all that is installed."""
        chosen = library.names(shipped=True) if instances is None else _matching(instances)
        names = [entry.name for entry in solvers_installed()] if solvers is None else list(solvers)
        return cls(tuple(chosen), tuple(names), **rest)

    def write(self, folder: Path) -> None:
        """Write the campaign to its folder."""
        write_atomically(folder / FILE, json.dumps(asdict(self), indent=1).encode())

    @classmethod
    def read(cls, folder: Path) -> Campaign:
        """Read the campaign of a folder.

        Raises
        ------
        DataFormatError
            If there is none, or it is damaged.
        """
        path = folder / FILE
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise DataFormatError(f"{path} cannot be read ({error.strerror}); run `edgeopt bench run` first") from error
        except ValueError as error:
            raise DataFormatError(f"{path} is not JSON text: {error}") from error
        known = {field.name for field in fields(cls)}
        if not isinstance(found, Mapping) or set(found) != known:
            raise DataFormatError(f"{path} is no campaign; expected the fields {', '.join(sorted(known))}")
        values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in found.items()}
        try:
            return cls(**values)
        except (EdgeOptError, TypeError, ValueError) as error:
            raise DataFormatError(f"{path} is no campaign: {error}") from error


def solvers_installed() -> list[Any]:
    """Return every solver that can run here."""
    return [entry for entry in solvers().values() if entry.installed]


def _listed(name: str, values: Any, kind: type) -> tuple[Any, ...]:
    """Return the different entries of a list, all of one kind."""
    if wrong := [value for value in values if not isinstance(value, kind) or isinstance(value, bool)]:
        raise InvalidOptionError(f"{name} holds {wrong[0]!r}; expected {kind.__name__} values")
    if not values:
        raise InvalidOptionError(f"a campaign needs at least one entry in {name}")
    return tuple(dict.fromkeys(values))


def _whole_number(name: str, value: Any, at_least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not at_least <= value < 2**63:
        raise InvalidOptionError(f"{name} is {value!r}; expected a whole number of at least {at_least}, below 2^63")


def _positive(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise InvalidOptionError(f"{name} is {value!r}; expected a finite number above 0")
    return float(value)


def _check_solver(text: str) -> None:
    """Raise unless `text` names a solver, with options that are its own."""
    name, options = parse(text)
    find(name)
    if taken := sorted(set(options) & RESERVED - {"relative_gap"}):
        raise InvalidOptionError(f"{text!r}: {taken[0]} is set for the whole campaign, not for one solver")


def _whole_path(name: str) -> str:
    """Return a file's whole path, and the name of an instance as it is: a campaign may be read from anywhere."""
    try:
        name.encode()
        known = "[" in name or name in library.names()
        return name if known or not Path(name).is_file() else str(Path(name).resolve())
    except (OSError, ValueError) as error:
        raise InvalidOptionError(f"{name[:80]!r} names no instance and no file: {error}") from error


def _matching(patterns: Sequence[str | Path]) -> list[str]:
    """Names that the patterns stand for, in their order."""
    chosen: list[str] = []
    for pattern in map(str, patterns):
        if "[" in pattern or not set(pattern) & set("*?"):
            chosen.append(pattern)
            continue
        found = [name for name in library.names() if fnmatchcase(name, pattern)]
        if not found:
            raise InvalidOptionError(f"no instance matches {pattern!r}; `edgeopt bench instances` lists the names")
        chosen += found
    return chosen
