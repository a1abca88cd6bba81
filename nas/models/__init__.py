"""What a network is to the platform: its descriptor, the contract of a baseline, weights files, import and export.

Read first: ``nas/models/descriptor.py``.
"""
