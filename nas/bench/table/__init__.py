"""A tabular benchmark: every genotype of a small space trained in advance, so that searches become look-ups.

Read first: ``nas/bench/table/making.py``.
"""
