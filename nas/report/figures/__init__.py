"""Figures, one kind a file, each made from rows or events that its caller hands in.

Read first: ``nas/report/figures/style.py``.
"""
