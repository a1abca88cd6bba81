"""What a genotype is judged by: costs, constraints, objectives and the Pareto archive.

Read first: ``nas/objectives/objectives.py``.
"""
