"""HiGHS reached through another package: the care that Pyomo and CVXPY do not take.

HiGHS keeps one pool of threads per Python thread and refuses to run with another number of threads than the pool has,
so a solve that asks for a number is given a fresh pool, and leaves none behind. And HiGHS only returns a code where it
refuses an option, which is easily overlooked, so options are tried on a model that is thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ...model.errors import InvalidOptionError


@contextmanager
def fresh_pool(threads: int | None) -> Iterator[None]:
    """Shut HiGHS's pool down before and after the block if a number of `threads` is asked for."""
    if threads is None:
        yield
        return
    import highspy

    highspy.Highs.resetGlobalScheduler(True)
    try:
        yield
    finally:
        highspy.Highs.resetGlobalScheduler(True)


def check_options(chosen: Mapping[str, Any]) -> None:
    """Raise :class:`InvalidOptionError` unless HiGHS takes each of the options `chosen`."""
    import highspy

    probe = highspy.Highs()
    probe.setOptionValue("output_flag", False)
    for name, value in chosen.items():
        try:
            accepted = probe.setOptionValue(name, value) != highspy.HighsStatus.kError
        except TypeError:
            accepted = False
        if not accepted:
            raise InvalidOptionError(f"HiGHS refuses {name}={value!r}; expected one of its options, in its range")
