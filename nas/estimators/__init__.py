"""The value of a genotype without full training: by a short training, inherited weights, or a zero-cost proxy.

Read first: ``nas/estimators/base.py``.
"""
