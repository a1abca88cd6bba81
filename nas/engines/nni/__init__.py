"""NNI as the engine of a discrete search (an extra: ``pip install 'jsnas[nni]'``).

Read first: ``nas/engines/nni/engine.py``.
"""
