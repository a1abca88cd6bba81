"""Gates and statistics of attention edges as compiled loops, for CPUs; built on the user's machine, where asked for.

Read first: ``gates.cpp`` (what is computed), then ``gates.py`` (the operator of torch around it) and ``build.py``.
"""
