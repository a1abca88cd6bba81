"""One training loop for supernets, derived networks and baselines: data, schedules, state and run folders.

Read first: ``nas/train/loop.py``.
"""
