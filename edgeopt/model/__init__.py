"""What is declared: problems, programs, decisions, outcomes, solutions, certificates."""
