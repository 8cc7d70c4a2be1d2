"""The only room that joins problems and solvers: registry, solve, isolation, batches, comparison."""
