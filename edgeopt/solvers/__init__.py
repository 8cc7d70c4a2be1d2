"""One file per solver; the registry finds every :class:`~edgeopt.core.registry.Solver` in here by itself."""
