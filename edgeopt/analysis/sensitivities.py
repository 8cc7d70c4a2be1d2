"""What the optimum of a revenue program would pay for: prices of servers and links, and where they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..algebra.declared import Declared
from ..formulations.constrained import Constrained
from ..formulations.revenue import RevenueMaximization
from ..model.cached import cached_property
from ..model.errors import InvalidProblemError
from ..model.outcome import Options
from ..model.problem import Sense
from ..model.program import Program

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ..model.solution import Solution


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Sensitivity of a solved revenue program; `fields` says what each entry of its data is worth.

    Attributes
    ----------
    resources : DataFrame
        By name of the server or link: `kind`, `capacity`, `load`, `price` (revenue that one more unit would bring) and
        the capacities `price_from` and `price_to` between which that price holds.
    services : DataFrame
        By name of the service: `traffic`, `admitted`, `unit_profit`, `traffic_price` (revenue that one more unit of
        traffic would bring) and the profits `profit_from`, `profit_to` between which the admission stays optimal.
    solution : Solution
        What it is the sensitivity of.
    """

    resources: pd.DataFrame
    services: pd.DataFrame
    solution: Solution = field(repr=False)

    @cached_property
    def fields(self) -> Mapping[str, Any]:
        """For each field of real numbers the change of the revenue per unit of each of its entries, by the prices here.

        Each is an array of the field's shape; of sparse densities a dense one, since an entry that is not there has a
        derivative as well. They are read off the declaration when they are first asked for.
        """
        from .field_values import field_values

        return field_values(self.solution, self.resources["price"].to_numpy()).fields


def sensitivity(solution: Solution) -> Any:
    """Say what the data of a solved problem are worth.

    Of a :class:`RevenueMaximization` the prices of servers, links and traffic with their ranges
    (:class:`Sensitivity`). Of a declared problem, and of an :class:`OfflineOffloading`, the derivative of the optimal
    value with respect to every entry of every float field (:class:`~edgeopt.analysis.field_values.FieldValues`). Both
    have these derivatives as ``fields``, by name. Of a problem with side constraints their prices, and those of a
    declared base's rows, by name in ``constraints``; the same derivatives where the objective is the declared base's
    own.

    Parameters
    ----------
    solution : Solution
        From any solver; prices and ranges are those of an optimal basis that HiGHS finds from it.

    Raises
    ------
    InvalidProblemError
        If the solution is not of a single revenue program or declared problem, or not optimal.
    """
    problem = solution.problem
    if isinstance(problem, Constrained):
        from .field_values import side_values

        return side_values(solution)
    if not isinstance(problem, RevenueMaximization):
        if isinstance(problem, Declared):
            from .field_values import field_values

            return field_values(solution)
        raise InvalidProblemError(
            f"sensitivity needs the solution of a RevenueMaximization or a declared problem, not {problem!r}"
        )
    if problem.batch is not None:
        raise InvalidProblemError(f"the problem is a batch of {problem.batch}; solve the instance(i) of interest")
    if solution.status != "optimal":
        raise InvalidProblemError(f"the solution is {solution.status}; only an optimal one has prices")
    return _of_basis(problem, solution)


def _of_basis(problem: RevenueMaximization, solution: Solution) -> Sensitivity:
    import pandas as pd

    program, admitted = problem.program(), solution.decision.admitted
    least = replace(program, cost=-program.cost, sense=Sense.MINIMIZE)  # HiGHS ranges costs of minimisation only
    model, ranging = _ranged(least, admitted)
    price = -np.array(model.getSolution().row_dual) + 0.0
    reduced = problem.unit_profit - price @ problem.density
    load = problem.load(admitted)
    loose = price == 0.0  # until the load itself comes down to the capacity
    kind = ["server"] * problem.compute_density.shape[0] + ["link"] * problem.link_density.shape[0]
    resources = pd.DataFrame(
        {
            "kind": kind,
            "capacity": problem.capacity,
            "load": load,
            "price": price,
            "price_from": np.where(loose, load, _values(ranging.row_bound_dn, problem.resources)),
            "price_to": np.where(loose, np.inf, _values(ranging.row_bound_up, problem.resources)),
        },
        index=pd.Index(problem.resource_names, name="resource"),
    )
    services = pd.DataFrame(
        {
            "traffic": problem.traffic,
            "admitted": admitted,
            "unit_profit": problem.unit_profit,
            "traffic_price": np.where(admitted >= problem.traffic, np.maximum(reduced, 0.0), 0.0),
            "profit_from": -_values(ranging.col_cost_up, problem.services),
            "profit_to": -_values(ranging.col_cost_dn, problem.services),
        },
        index=pd.Index(list(problem.service_names), name="service"),
    )
    return Sensitivity(resources, services, solution)


def _ranged(program: Program, admitted: NDArray[np.float64]) -> tuple[Any, Any]:
    from ..solvers.backends.highs_model import load, run

    model = load(program)
    model.setOptionValue("presolve", "off")
    model.setSolution(admitted.size, np.arange(admitted.size, dtype=np.int32), admitted)
    run(model, Options())
    return model, model.getRanging()[1]


def _values(record: Any, size: int) -> NDArray[np.float64]:
    return np.array(record.value_[:size], float) + 0.0 if size else np.empty(0)  # never -0.0
