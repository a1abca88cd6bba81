"""How settings are read and merged, and the settings of data, training and whole runs.

Read first: ``nas/config/runs.py``. What belongs to one strategy, estimator or engine is declared by its owner.
"""
