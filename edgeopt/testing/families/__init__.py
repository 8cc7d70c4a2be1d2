"""Families of small problems whose answers are known by other means than a solver; each module has `cases()`."""
