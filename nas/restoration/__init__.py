"""What a network is for: restoring images of one's own, files, folders and videos, without ground truth.

Read first: ``nas/restoration/restorer.py``, then ``nas/restoration/files.py``.
"""
