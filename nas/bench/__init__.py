"""Measurements of the platform itself, as ratios taken within one process: a search step, and the loading of data.

Read first: ``nas/bench/search_step.py``.
"""
