"""One file per decision problem: its data, objective and constraints; declarations only."""
