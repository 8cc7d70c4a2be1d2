"""A tiny plug-in: one heuristic that a third party registers through the entry-point group ``edgeopt.solvers``."""
