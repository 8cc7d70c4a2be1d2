"""The instance library: named, versioned problems with the best that is known of each.

>>> import edgeopt as eo
>>> instance = eo.instances.load("split/branchy-alexnet-lte")
>>> solution = eo.solve(instance)
>>> bool(abs(solution.objective - instance.best_objective) <= 1e-12)
True

A family with knobs makes instances of any size: ``load("offloading/generated[samples=500,ties=0.9]")``. Problems of
one's own are instances too, by their file's path; families of one's own are registered through the entry-point group
``edgeopt.instances``, each entry pointing at a :class:`~edgeopt.instances.family.Family` or a sequence of them.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import pkgutil
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..data.folder import data_folder
from ..exchange.storage import fingerprint
from ..exchange.storage import load as load_record
from ..model.errors import DataFormatError, InvalidOptionError
from ..model.instance import Instance
from ..model.problem import Problem
from ..model.program import Program
from ..model.solution import Solution
from ..solving.plugins import added
from ..solving.spec import parse
from .family import Family

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = ["Family", "Instance", "describe", "families", "load", "names", "read_problem"]

LIBRARY = Path(__file__).parent / "library"
KNOWN = (
    "formulation",
    "size",
    "version",
    "fingerprint",
    "status",
    "objective",
    "bound",
    "claimed_bound",
    "proved",
    "proved_by",
    "certificate",
)
"""What is recorded of an instance."""
MODEL_FILES = (".mps", ".lp", ".mof.json", ".mps.gz", ".lp.gz", ".mof.json.gz")


@lru_cache(maxsize=1)
def families() -> Mapping[str, Family]:
    """Return every family by name: those of this room, then those of plug-ins.

    Raises
    ------
    InvalidOptionError
        If two families of this room share a name.
    """
    found: list[Family] = []
    for module in pkgutil.iter_modules(__path__):
        found += getattr(importlib.import_module(f"{__name__}.{module.name}"), "FAMILIES", ())
    table: dict[str, Family] = {}
    for family in found:
        if family.name in table:
            raise InvalidOptionError(f"two families are called {family.name!r}; rename one")
        table[family.name] = family
    table |= {family.name: family for family in added("edgeopt.instances", _checked, table)}
    return MappingProxyType(table)


def names(formulation: str | None = None, *, shipped: bool | None = None) -> list[str]:
    """Return the names of all instances.

    Parameters
    ----------
    formulation : str, optional
        Only those whose name starts with this word and a slash: ``"split"``, say.
    shipped : bool, optional
        Only those that come with the package (True), or only those made from their recipe (False).
    """
    listed = [name for family in families().values() for name in family.names()]
    if formulation is not None:
        listed = [name for name in listed if name.split("/")[0] == formulation]
        if not listed:
            known = ", ".join(sorted({name.split("/")[0] for name in families()}))
            raise InvalidOptionError(f"there are no instances of {formulation!r}; there are some of: {known}")
    return [name for name in listed if shipped is None or _path(name).is_file() == shipped]


def load(name: str | Path, *, data: str | Path | None = None) -> Instance:
    """Return an instance.

    Parameters
    ----------
    name : str or path
        A name of :func:`names`; a family with knobs in brackets; or the path of a problem's file (JSON, MPS, LP).
    data : path, optional
        Folder of the data sets, for instances that are cut from one; ``EDGEOPT_DATA`` by default.

    Raises
    ------
    InvalidOptionError
        If there is no such instance, or its data set is not at hand.
    DataFormatError
        If a file is damaged, or a recipe no longer makes the problem that was recorded.
    """
    text = str(name)
    family, knobs = _find(text)
    if family is None:
        return _from_file(Path(text))
    entry = _index().get(text)
    if _path(text).is_file():
        problem = load_record(_path(text))
    else:
        problem = family.problem(knobs, data_folder(None if data is None else Path(data)))
    mark = fingerprint(problem)
    if entry is not None and entry["version"] == family.version and entry["fingerprint"] != mark:
        raise DataFormatError(
            f"the instance {text!r} has the fingerprint {mark}; expected {entry['fingerprint']}. The data set, or the "
            "arithmetic of this machine, is not the one it was recorded with"
        )
    best = _best(text) if entry is not None else None
    return Instance(text, problem, family.version, mark, family.summary, family.source, best)


def describe(name: str | None = None) -> pd.DataFrame:
    """Return one row for each instance, or for one: what is recorded of it, without building any.

    Returns
    -------
    pandas.DataFrame
        Columns instance, formulation, size (numbers that its data hold), version, fingerprint, shipped, status,
        objective, bound (as far as it is proved), claimed_bound, proved, proved_by (empty where the optimum rests on
        the word of the engines that the certificate names), certificate, source, summary.
    """
    import pandas as pd

    return pd.DataFrame([describe_one(entry) for entry in (names() if name is None else [name])])


def describe_one(name: str) -> dict[str, Any]:
    """Return what is known of an instance without building it; of a file, or of knobs of one's own, it is built.

    Raises
    ------
    InvalidOptionError
        If there is no such instance.
    """
    known = _index().get(name)
    if known is None:
        instance = load(name)
        known = {
            "formulation": type(instance.problem).__name__,
            "size": instance.size,
            "version": instance.version,
            "fingerprint": instance.fingerprint,
        }
    family, _ = _find(name)
    return {
        "instance": name,
        **{key: known.get(key) for key in KNOWN[:4]},
        "shipped": _path(name).is_file(),
        **{key: known.get(key) for key in KNOWN[4:]},
        "source": "a file" if family is None else family.source,
        "summary": "" if family is None else family.summary,
    }


def read_problem(path: Path) -> Problem:
    """Read a problem from a file: JSON as :func:`edgeopt.save` writes it, or a model file (MPS, LP, MathOptFormat).

    Raises
    ------
    DataFormatError
        If the file is missing, damaged, or holds something else than a problem.
    """
    if path.name.lower().endswith(MODEL_FILES):
        return Program.read(path)
    loaded = load_record(path)
    if not isinstance(loaded, Problem):
        raise DataFormatError(f"{path} holds a {type(loaded).__name__}; expected a problem")
    return loaded


def _from_file(path: Path) -> Instance:
    try:
        there = path.is_file()
    except (OSError, ValueError):
        there = False
    if not there:
        raise InvalidOptionError(
            f"no instance is called {str(path)[:200]!r} and there is no such file; `edgeopt bench instances` lists "
            "the names"
        )
    problem = read_problem(path)
    return Instance(str(path), problem, 1, fingerprint(problem), source="a file")


def _find(text: str) -> tuple[Family | None, Mapping[str, Any]]:
    """Family and knobs of a name; no family where the name is none of ours."""
    if "[" in text and text.partition("[")[0] in families():
        stem, knobs = parse(text)
        return families()[stem], knobs
    for family in families().values():
        member = text.removeprefix(f"{family.name}-")
        if member != text and member in family.members:
            return family, family.members[member]
    return None, {}


def _checked(loaded: Any) -> list[Family]:
    """Families of a plug-in; anything else is a TypeError, which costs that plug-in only."""
    listed = [loaded] if isinstance(loaded, Family) else list(loaded)
    for entry in listed:
        if not isinstance(entry, Family) or not isinstance(entry.name, str) or "/" not in entry.name:
            raise TypeError(f"it holds {entry!r}; expected a Family whose name is formulation/family")
        _ = entry.names(), entry.knobs  # both are asked of every family
    return listed


@lru_cache(maxsize=1)
def _index() -> Mapping[str, Mapping[str, Any]]:
    """Return what is recorded of every instance, by name."""
    return MappingProxyType(json.loads((LIBRARY / "index.json").read_text(encoding="utf-8")))


def _path(name: str) -> Path:
    return LIBRARY / f"{name}.json"


def _best(name: str) -> Solution | None:
    file = LIBRARY / f"{name}.best.json"
    if not file.is_file():
        return None
    best: Solution = load_record(file)
    return best
