"""MPS and LP files, to the last digit and line: HiGHS's own files keep 15 digits and lose names (see the CHANGELOG)."""
