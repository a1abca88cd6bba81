"""Supernets of spaces in which more than blocks is open: sizes share weights, see ``nas.models.sharing``.

Read first: ``paths.py`` (one genotype at a time) and ``relaxed.py`` (sizes as mixtures, for strategies with gradients).
"""
