"""What a shell offers when the tabulator is pressed: solvers, instances, studies, rules."""

from __future__ import annotations


def complete_solver(incomplete: str) -> list[str]:
    """Return the registered solvers that start so."""
    from ..solving.registry import solvers

    return [name for name in ("auto", *solvers()) if name.startswith(incomplete)]


def complete_instance(incomplete: str) -> list[str]:
    """Return the instances that start so; the shell itself offers files."""
    from ..instances import names

    return [name for name in names() if name.startswith(incomplete)]


def complete_study(incomplete: str) -> list[str]:
    """Return the studies that start so."""
    from ..studies import studies

    return [name for name in (*studies(), "list") if name.startswith(incomplete)]


def complete_rule(incomplete: str) -> list[str]:
    """Return the rules that start so."""
    from ..predictors.rule_files import RULES

    return [name for name in RULES if name.startswith(incomplete)]
