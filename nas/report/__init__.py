"""Tables, figures, visual comparisons and the HTML report, all made from evaluation rows and run folders.

Rows come in as arguments: nothing here measures, and nothing looks for results on its own.

Read first: ``nas/report/comparison.py``.
"""
