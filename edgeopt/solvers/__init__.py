"""One file per solver; the registry finds every :class:`~edgeopt.solving.registry.Solver` in here by itself."""
