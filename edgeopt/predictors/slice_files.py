"""Allocators as files: a JSON head that anyone can read, and plain arrays beside it; never pickle.

:mod:`edgeopt.exchange.storage` writes both, whole or not at all, and refuses arrays that are not those of the head.
Loading builds the network anew from its options, so that a file runs no code of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..exchange import storage
from ..model.errors import DataFormatError, EdgeOptError
from ..model.records import Record, read_only, record
from ..profiles.costs import AllocationCost
from .boxes import TrafficBox
from .exit_odds import ExitOdds
from .provisioning import Provisioning
from .rule_files import give_weights, named_rule, restore, stored
from .samples import MinMax
from .slice_answers import HeldOut
from .slice_content import check_content
from .slice_model import SliceModel
from .slice_tables import TableForm
from .slice_view import SliceView

if TYPE_CHECKING:
    from ..profiles.own_costs import Cost
    from .slice_allocator import SliceAllocator

    Allocator = TypeVar("Allocator", bound=SliceAllocator)

NAME = "allocator.json"
VERSION = 1
_REMEDY = "copy the whole folder again from where it was saved, or train anew (edgeopt allocate train)"


@record
class AllocatorFile(Record):
    """What is stored of a fitted allocator.

    Attributes
    ----------
    version : int
        Of this format.
    written_by : str
        Version of edgeopt.
    options, cost, fitted, report : dict
        Parameters, cost (empty where it is one of one's own), what fitting found, and what the held-out part says.
    check : str
        Fingerprint of all the rest.
    """

    version: int
    written_by: str
    options: dict[str, Any]
    cost: dict[str, Any]
    fitted: dict[str, Any]
    report: dict[str, Any]
    check: str = ""


def save(allocator: SliceAllocator, folder: Path) -> None:
    """Write a fitted allocator; see :meth:`.slice_allocator.SliceAllocator.save`."""
    from .. import __version__

    model, report = allocator.fitted, allocator.report
    options = allocator.options()
    if isinstance(allocator.budget, Mapping):
        options["budget"] = [[list(group), float(limit)] for group, limit in allocator.budget.items()]
    file = AllocatorFile(
        VERSION,
        __version__,
        options,
        asdict(allocator.cost) if isinstance(allocator.cost, AllocationCost) else {},
        {
            "form": asdict(model.view.form),
            "scale": asdict(model.view.scale),
            "box": asdict(model.view.box),
            "network": {name: value.numpy() for name, value in model.network.state_dict().items()},
            "rule": stored(model.rule),
            "odds": asdict(model.odds),
            "margin": model.margin,
        },
        {
            "first": report.first.isoformat(),
            "last": report.last.isoformat(),
            "local_fraction": report.local_fraction,
            "found": {name: {f.name: getattr(one, f.name) for f in fields(one)} for name, one in report.found.items()},
        },
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataFormatError(
            f"{folder} cannot be made a folder: {error.strerror or error}; take another one"
        ) from error
    storage.save(replace(file, check=storage.fingerprint(file)), folder / NAME)


def load(kind: type[Allocator], folder: Path, cost: Cost | None) -> Allocator:
    """Read an allocator; see :meth:`.slice_allocator.SliceAllocator.load`."""
    path = folder / NAME
    try:
        file = storage.load(path)
    except EdgeOptError as error:
        raise DataFormatError(f"{error}; {_REMEDY}") from error
    if not isinstance(file, AllocatorFile):
        raise DataFormatError(f"{path} holds a {type(file).__name__}, no allocator; {_REMEDY}")
    if file.version != VERSION:
        raise DataFormatError(
            f"{path} has version {file.version!r}, written by edgeopt {file.written_by}; this edgeopt reads version "
            f"{VERSION}: train anew, or install the edgeopt that wrote it"
        )
    if storage.fingerprint(replace(file, check="")) != file.check:
        raise DataFormatError(f"{path} is damaged or was changed by hand: it differs from its fingerprint; {_REMEDY}")
    try:
        return _rebuilt(kind, file, cost)
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError) as error:
        raise DataFormatError(f"{path} holds no whole allocator: {error}; {_REMEDY}") from error


def _rebuilt(kind: type[Allocator], file: AllocatorFile, cost: Cost | None) -> Allocator:
    options, found = dict(file.options), file.fitted
    if isinstance(options["budget"], list):
        options["budget"] = {tuple(group): limit for group, limit in options["budget"]}
    allocator = kind(cost if cost is not None or not file.cost else AllocationCost(**file.cost), **options)
    form = TableForm(**{**found["form"], "slices": tuple(found["form"]["slices"])})
    box = TrafficBox(**{**found["box"], "shape": tuple(found["box"]["shape"])})
    view = SliceView(form, MinMax(**found["scale"]), box, allocator.window, allocator.calendar)
    odds, margin = ExitOdds(**found["odds"]), np.asarray(found["margin"])
    check_content(view, odds, margin)
    network = allocator.network(view)
    give_weights(network, found["network"])
    rule = named_rule(allocator.rule, network, allocator.min_local_fraction, allocator.seed)
    model = SliceModel(view, network.eval(), restore(rule, found["rule"]), odds, margin)
    allocator._fitted, allocator._report = model, _report(file.report, form.zone)
    allocator._fitted_with = allocator.options()
    return allocator


def _report(found: dict[str, Any], zone: str | None) -> HeldOut:
    import pandas as pd

    times = [pd.Timestamp(found[name]) for name in ("first", "last")]
    first, last = times if zone is None else [time.tz_convert(zone) for time in times]
    parts = {name: Provisioning(**{**one, "services": tuple(one["services"])}) for name, one in found["found"].items()}
    for one in parts.values():
        for name in ("cost", "violation_rate", "shortfall", "surplus", "demand"):
            read_only(getattr(one, name))
    return HeldOut(first, last, float(found["local_fraction"]), parts)
