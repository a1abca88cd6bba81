"""Searches that are played on a tabular benchmark: hundreds for each strategy, in seconds.

Read first: ``nas/bench/strategies/playing.py``.
"""
