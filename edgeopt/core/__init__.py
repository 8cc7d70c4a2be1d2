"""The backbone: what a problem is, what a solution is, and how one is judged. Knows no paper and no solver."""
