"""One training loop for supernets, derived networks and baselines; runs that can be killed and resumed."""
