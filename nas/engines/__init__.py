"""How one search is carried out: by gradients, by trials, by a study that many workers share, or by NNI.

Read first: ``nas/engines/search.py``.
"""
