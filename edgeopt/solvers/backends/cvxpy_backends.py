"""What CVXPY's back ends call their time limit, gap, threads and seed, and how tight they must be told to be.

CVXPY hands options through under each back end's own names. An option that is not in this table is refused, because a
back end that does not know it would ignore it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...model.errors import InvalidOptionError
from ...model.outcome import Options
from ..pdlp import termination_criteria
from .highs_model import INTEGER, LINEAR, OWN


@dataclass(frozen=True)
class Backend:
    """Names of options in one back end; a name with a slash lies in a nested mapping.

    Attributes
    ----------
    time_limit, relative_gap, threads, seed : str, optional
        None where the back end has no such option.
    linear, integer : mapping
        What to tell it for a linear and for an integer program.
    per_second : float
        Units of its time limit in a second.
    single : bool
        Whether it never uses more than one thread, so that any number of threads is supported.
    known : tuple of str, optional
        All its options, where it ignores unknown ones silently.
    """

    time_limit: str | None = None
    relative_gap: str | None = None
    threads: str | None = None
    seed: str | None = None
    linear: Mapping[str, Any] = field(default_factory=dict)
    integer: Mapping[str, Any] = field(default_factory=dict)
    per_second: float = 1.0
    single: bool = False
    known: tuple[str, ...] | None = None


BACKENDS: Mapping[str, Backend] = {
    "HIGHS": Backend(
        "time_limit",
        "mip_rel_gap",
        "threads",
        "random_seed",
        {**OWN, **LINEAR},
        {**OWN, **INTEGER},
    ),
    "SCIPY": Backend(
        "scipy_options/time_limit",
        "scipy_options/mip_rel_gap",
        integer={"scipy_options/mip_rel_gap": 1e-9},
    ),
    "CLARABEL": Backend(
        "time_limit",
        threads="max_threads",
        linear={"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11},
    ),
    "SCS": Backend("time_limit_secs", linear={"eps_abs": 1e-9, "eps_rel": 1e-9, "max_iters": 1_000_000}, single=True),
    "OSQP": Backend("time_limit", linear={"eps_abs": 1e-9, "eps_rel": 1e-9, "max_iter": 1_000_000}, single=True),
    "GLOP": Backend("time_limit_sec", single=True, known=("time_limit_sec", "parameters_proto")),
    "PDLP": Backend("time_limit_sec", single=True, known=("time_limit_sec", "parameters_proto")),
    "ECOS": Backend(single=True, linear={"abstol": 1e-10, "reltol": 1e-10, "feastol": 1e-10}),
    "ECOS_BB": Backend(relative_gap="mi_rel_eps", single=True, integer={"mi_rel_eps": 1e-9}),
    "GLPK": Backend("glpk/tm_lim", per_second=1000.0, single=True),
    "GLPK_MI": Backend("glpk/tm_lim", per_second=1000.0, single=True),
    "CBC": Backend("maximumSeconds", "allowablePercentageGap", "numberThreads"),
    "SCIP": Backend("scip_params/limits/time", "scip_params/limits/gap", integer={"scip_params/limits/gap": 1e-9}),
    "GUROBI": Backend("TimeLimit", "MIPGap", "Threads", "Seed", integer={"MIPGap": 1e-9}),
}
"""Back ends by CVXPY's name; any other runs too, but supports no limit."""


LINEAR_ONLY = ("SCIPY", "GLOP", "PDLP", "GLPK", "GLPK_MI", "CBC")
"""Back ends that know linear objectives only."""


def solver_options(name: str, integral: bool, options: Options) -> dict[str, Any]:
    """Return what to hand to back end `name`, the time limit excepted.

    Raises
    ------
    InvalidOptionError
        If `options` ask for something that the back end does not support.
    """
    backend = BACKENDS.get(name, Backend())
    if options.time_limit is not None and backend.time_limit is None:
        raise _refusal(name, "time_limit", "solve with isolate=True, which limits any solver from outside")
    flat = dict(backend.integer if integral else backend.linear)
    if integral and options.relative_gap is not None:
        if backend.relative_gap is None:
            raise _refusal(name, "relative_gap", "leave it out, or use 'cvxpy' (HiGHS)")
        flat[backend.relative_gap] = options.relative_gap * (100.0 if name == "CBC" else 1.0)
    if options.threads is not None and not backend.single:
        if backend.threads is None:
            raise _refusal(name, "threads", "leave it out, or use 'cvxpy' (HiGHS)")
        flat[backend.threads] = options.threads
    if backend.seed is not None:
        flat[backend.seed] = options.seed % 2**31
    chosen = nested(flat)
    if name == "PDLP":
        chosen["parameters_proto"] = _pdlp_parameters()
    return _with_own(name, backend, chosen, options.extra.get("solver_options", {}))


def _pdlp_parameters() -> Any:
    from google.protobuf.json_format import ParseDict
    from ortools.pdlp.solvers_pb2 import PrimalDualHybridGradientParams

    return ParseDict({"termination_criteria": termination_criteria()}, PrimalDualHybridGradientParams())


def with_time_limit(name: str, chosen: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Return the options `chosen` with a time limit in the back end's name and unit."""
    backend = BACKENDS[name]
    limit: float = max(1e-3, seconds) * backend.per_second
    return merged(chosen, nested({str(backend.time_limit): int(limit) if backend.per_second > 1 else limit}))


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Turn ``{"a/b": 1}`` into ``{"a": {"b": 1}}``; what follows the first slash is one name."""
    result: dict[str, Any] = {}
    for path, value in flat.items():
        head, _, tail = path.partition("/")
        if tail:
            result.setdefault(head, {})[tail] = value
        else:
            result[head] = value
    return result


def merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Both mappings, nested ones merged, `second` having the last word."""
    result = dict(first)
    for name, value in second.items():
        both = isinstance(value, Mapping) and isinstance(result.get(name), Mapping)
        result[name] = {**result[name], **value} if both else value
    return result


def _with_own(name: str, backend: Backend, chosen: dict[str, Any], own: Any) -> dict[str, Any]:
    if not isinstance(own, Mapping):
        raise InvalidOptionError(f"solver_options is {own!r}; expected a mapping from option to value")
    if backend.known is not None and (foreign := [option for option in own if option not in backend.known]):
        raise InvalidOptionError(f"'cvxpy:{name}' has no option {foreign[0]!r}; it has {', '.join(backend.known)}")
    return merged(chosen, own)


def _refusal(name: str, option: str, remedy: str) -> InvalidOptionError:
    return InvalidOptionError(f"'cvxpy:{name}' does not support {option}; {remedy}")
