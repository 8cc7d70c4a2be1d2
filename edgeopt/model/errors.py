"""Every error that edgeopt raises on purpose, and its warnings; each message says what to do about it."""

from __future__ import annotations


class EdgeOptError(Exception):
    """Base of all errors of edgeopt: catch this one to catch them all."""


class InvalidProblemError(EdgeOptError, ValueError):
    """A problem's data are not what its formulation declares; names the field, the place and the value."""


class InvalidOptionError(EdgeOptError, ValueError):
    """An option is unknown to a solver, not supported by it, or has an impossible value."""


class UnsupportedPairError(EdgeOptError, TypeError):
    """A solver cannot solve this kind of problem; lists the solvers that can."""


class UnknownSolverError(EdgeOptError, LookupError):
    """No solver of this name is registered; lists the names that are."""


class SolverNotInstalledError(EdgeOptError, ImportError):
    """A solver's package is missing; gives the command that installs it."""


class ExtraNotInstalledError(EdgeOptError, ImportError):
    """An optional package is missing; gives the command that installs it."""


class DataFormatError(EdgeOptError, ValueError):
    """A file is not what its format promises; names the file, the line and what was expected."""


class NoSolutionError(EdgeOptError):
    """A decision was asked of a solution that has none; says why there is none."""


class BenchmarkError(EdgeOptError, RuntimeError):
    """A benchmark run ended before all of it was done; says why, and that the same command goes on."""


class ModelFileWarning(UserWarning):
    """A model file can be read in two ways; says which one was taken and how to make it plain."""


class CoefficientRangeWarning(UserWarning):
    """Coefficients of a declared problem are so far apart that solvers may lose the small ones; names two of them."""
