"""A campaign: which instances, solvers, seeds and repetitions, under which limits. It is kept with its results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ..core.errors import DataFormatError, InvalidOptionError
from ..core.outcome import Options
from ..core.registry import find, solvers
from ..core.storage import write_atomically
from . import instances as library
from .spec import parse

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

    def __post_init__(self) -> None:
        for name in ("instances", "solvers", "seeds"):
            unique = tuple(dict.fromkeys(getattr(self, name)))
            if not unique:
                raise InvalidOptionError(f"a campaign needs at least one entry in {name}")
            object.__setattr__(self, name, unique)
        if self.repetitions < 1:
            raise InvalidOptionError(f"repetitions is {self.repetitions}; expected at least 1")
        for name in ("time_limit", "memory_limit"):
            if not getattr(self, name) > 0:
                raise InvalidOptionError(f"{name} is {getattr(self, name)!r}; expected a number above 0")
        for seed in self.seeds:
            Options(seed=seed, threads=self.threads)
        for entry in self.solvers:
            find(parse(entry)[0])
        for name in self.instances:
            library.describe_one(name)

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
        except (TypeError, ValueError) as error:
            raise DataFormatError(f"{path} is no campaign: {error}") from error


def solvers_installed() -> list[Any]:
    """Return every solver that can run here."""
    return [entry for entry in solvers().values() if entry.installed]


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
