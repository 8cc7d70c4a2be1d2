"""Traffic predictors in torch, and the decision problems that their answers make."""
