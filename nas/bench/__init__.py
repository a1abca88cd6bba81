"""Measurements of the platform itself: the cost of a search step and of loading data.

Read first: ``nas/bench/search_step.py``.
"""
