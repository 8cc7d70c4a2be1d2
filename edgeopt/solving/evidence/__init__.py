"""Evidence for what solvers claim: the problem's own proof, the solver's, one that a linear solve supplies, or a word.

A solver is not believed on its word where a linear program can speak: HiGHS solves the linear relaxation, and its duals
or its ray are checked like any other certificate. An integer program's search tree is not kept by any solver, so what
the relaxation leaves open rests on engines: one that shares no code with the first is asked, and where it has a better
point the claim is refuted. Everything here has a limit of time.
"""

from .engines import engine
from .supply import of_its_fields, reexamined, with_evidence

__all__ = ["engine", "of_its_fields", "reexamined", "with_evidence"]
