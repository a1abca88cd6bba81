"""Many searches compared: several seeds and variants at one budget, ablations, noise studies.

Read first: ``nas/experiments/experiment.py``.
"""
