"""The live page of ``nas watch``: a run or an experiment in the terminal.

Read first: ``nas/report/watch/page.py``.
"""
