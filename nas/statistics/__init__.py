"""Means, intervals, differences and correlations, each with its number of samples.

Read first: ``nas/statistics/intervals.py``.
"""
