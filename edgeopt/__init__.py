"""edgeopt: declare an edge-inference decision problem once, solve it with any solver, get proof with the answer.

>>> import edgeopt as eo
>>> problem = eo.OfflineOffloading(local_cost=[3.0, 1.0, 2.0], remote_cost=[1.0, 1.5, 1.0], min_local_fraction=0.6)
>>> solution = eo.solve(problem)
>>> solution.status, round(solution.objective, 4), solution.decision.local
(<Status.OPTIMAL: 'optimal'>, 1.3333, array([False,  True,  True]))

Every public name is imported when it is first used, so that ``import edgeopt`` stays quick. The names and their homes
stand in one place, the stub file beside this one.
"""

from __future__ import annotations

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
