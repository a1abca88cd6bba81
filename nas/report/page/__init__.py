"""The HTML report: one self-contained page of runs, experiments and evaluation rows.

Python prepares plain data, a file for each section; ``templates/`` lay it out and escape every text.

Read first: ``nas/report/page/html.py``.
"""
