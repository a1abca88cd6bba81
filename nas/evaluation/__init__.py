"""What a network is worth: metrics, inference at any image size, scoring, evaluation rows and the harness.

Read first: ``nas/evaluation/harness.py``, then ``nas/evaluation/options.py``.
"""
