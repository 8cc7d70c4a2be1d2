"""``check_solver``: every law on every case that a solver takes, and its options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from ..model.errors import InvalidOptionError, NoSolutionError
from ..model.outcome import Status
from ..model.problem import Problem
from ..model.solver import STANDARD_OPTIONS, Solver
from ..solving.registry import find
from ..solving.solve import solve
from .case import Case, as_cases, is_answered, own_cases
from .laws import LAWS

Check = tuple[str, Callable[[], None]]


def check_solver(solver: str | Solver, cases: Iterable[Case | Problem] | None = None) -> int:
    """Hold a solver to what every solver owes: truth, proof, repeatability, its options; in this process.

    Parameters
    ----------
    solver : str or Solver
        A registered name, or what the decorator ``edgeopt.solver`` made.
    cases : iterable of Case or Problem, optional
        What to try it on, instead of edgeopt's own families; of a bare problem the optimum is not known, so only what
        can be checked without it is.

    Returns
    -------
    int
        How many cases it took.

    Raises
    ------
    AssertionError
        Lists every law that is broken, with the case and what the solver returned.
    ValueError
        If it takes none of the cases: then nothing would be checked.
    """
    entry = find(solver)[0] if isinstance(solver, str) else solver
    taken = [case for case in (own_cases() if cases is None else as_cases(cases)) if not entry.refusal(case.problem)]
    if not taken:
        raise ValueError(f"solver {entry.name!r} takes none of the cases; pass cases of the problems that it solves")
    broken = []
    for name, check in checks(entry, taken):
        try:
            check()
        except Exception as error:  # whatever a solver raises is a fault to be listed
            broken.append(f"{name}: {error}" if isinstance(error, AssertionError) else f"{name}: raised {error!r}")
    if broken:
        raise AssertionError(f"solver {entry.name!r} breaks {len(broken)} laws:\n  " + "\n  ".join(broken))
    return len(taken)


def checks(entry: Solver, cases: list[Case]) -> Iterator[Check]:
    """Yield each check with its name: every law on every case, then the options on the first answered case."""
    for case in cases:
        for law, kind in LAWS:
            if kind in (None, entry.kind):
                yield f"{law.__name__} on {case}", partial(law, entry, case)
    easy = next((case for case in cases if is_answered(case)), None)
    if easy is None:
        return
    for option in STANDARD_OPTIONS:
        yield f"option {option} on {easy}", partial(supports_or_refuses, entry, easy, option)
    yield "an unknown option", partial(refuses_an_unknown_option, entry, easy)
    if "time_limit" in entry.options:
        yield "a time limit of 0", partial(stops_at_once, entry, easy)


def supports_or_refuses(entry: Solver, case: Case, option: str) -> None:
    """Check that a standard option is supported, or refused by its name before anything is solved."""
    if option in entry.options:
        warm = solve(case.problem, entry).found if option == "warm_start" else None
        value = {"time_limit": 60.0, "relative_gap": 1e-4, "warm_start": warm, "threads": 1}[option]
        status = solve(case.problem, entry, **{option: value}).status  # type: ignore[arg-type]
        if status not in (Status.OPTIMAL, Status.FEASIBLE):
            raise AssertionError(f"with {option}={value!r} it ended {status}")
        return
    values = {"time_limit": 60.0, "relative_gap": 1e-4, "threads": 1}
    if option in values:
        _refuses(entry, case, option, **{option: values[option]})


def refuses_an_unknown_option(entry: Solver, case: Case) -> None:
    """Check that an option that the solver does not list is refused by its name."""
    _refuses(entry, case, "no_such_option", no_such_option=1)


def stops_at_once(entry: Solver, case: Case) -> None:
    """Check that a time limit of 0 gives ``no_solution``, and that reading the decision says why."""
    solution = solve(case.problem, entry, time_limit=0)
    if solution.status is not Status.NO_SOLUTION:
        raise AssertionError(f"it ended {solution.status}")
    try:
        _ = solution.decision
    except NoSolutionError:
        return
    raise AssertionError("a decision can be read all the same")


def _refuses(entry: Solver, case: Case, name: str, **options: object) -> None:
    try:
        solution = solve(case.problem, entry, **options)  # type: ignore[arg-type]
    except InvalidOptionError as error:
        if name not in str(error):
            raise AssertionError(f"the error does not name {name}: {error}") from error
        return
    raise AssertionError(f"{name} is neither supported nor refused: {solution!r}")
