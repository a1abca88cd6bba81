"""What a genotype is worth before it is fully trained: a short training, inherited weights, or a zero-cost proxy.

Read first: ``nas/estimators/base.py``.
"""
