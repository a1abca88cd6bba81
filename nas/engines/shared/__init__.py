"""One discrete search shared by many processes and machines through a study in a common storage.

Read first: ``nas/engines/shared/study.py``, the process that starts the search, then ``joining.py``, a worker.
"""
