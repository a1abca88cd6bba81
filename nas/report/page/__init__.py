"""The HTML report: one self-contained page of a run, an experiment or a table of rows.

Read first: ``nas/report/page/html.py``.
"""
