"""The search algorithms, one file each, on a small common base.

Read first: ``nas/strategies/base.py``.
"""
