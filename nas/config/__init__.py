"""How settings are read and merged, and the settings of data, training and whole runs.

Read first: ``nas/config/runs.py``. The settings of one strategy, estimator or engine are declared by their owner.
"""
