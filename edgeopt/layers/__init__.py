"""Differentiable solves: torch modules whose output is an optimum, with exact gradients."""
