"""Comparing solvers fairly: instances, resumable runs, figures, a report."""
