"""Figures, one kind a file, each made from rows or events that its caller passes in.

Read first: ``nas/report/figures/style.py``, then ``nas/report/figures/bubbles.py`` for one that is whole.
"""
