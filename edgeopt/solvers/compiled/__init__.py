"""Loops compiled by numba; imported when a solver first needs one, never before."""
