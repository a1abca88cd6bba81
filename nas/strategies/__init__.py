"""Search algorithms and nothing else, one file each on one small base.

Read first: ``nas/strategies/base.py``.
"""
