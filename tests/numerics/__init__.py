"""Ground truth for the numerics: what is right, told without edgeopt's own code."""
