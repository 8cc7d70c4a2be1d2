"""What type checkers refuse, on the lines that say so; checked by ``test_types.py``, never run."""

import numpy as np
from numpy.typing import NDArray

import edgeopt as eo

offloading = eo.OfflineOffloading([3, 1.0], [1, 2])
solution = eo.solve(offloading)
eo.OfflineOffloading(local_cost=object(), remote_cost=[1.0])  # refused
eo.OfflineOffloading([3.0], [1.0], local_availible=[True])  # refused
eo.Exit("0.6", exec_time=[[0.02, 0.002]], output_bits=[1e5, 1e3])  # refused
eo.StochasticSplit([offloading], demand=[1.0], uplink_rate=1e6)  # refused
eo.StochasticSplit([eo.Exit(0.6, [[1.0]], [1, 1])], demand=object(), uplink_rate=1e6)  # refused
eo.Program([1.0], sense="maximise")  # refused
offloading.local_cost = np.ones(2)  # refused
print(solution.decision.locale)  # refused
costs: NDArray[np.bool_] = offloading.local_cost  # refused
offloading.objective(eo.AdmissionDecision([1.0]))  # refused
offloading.local_available.any()  # refused
eo.solve("afiro.mps")  # refused
admission: eo.Solution[eo.AdmissionDecision] = eo.solve(offloading)  # refused
