"""One training loop for supernets, derived networks and baselines: data, schedules, states and run folders.

Read first: ``nas/train/loop.py``.
"""
