"""What a network costs: multiply-adds, parameters, activations; latency and memory on CPU and CUDA.

Read first: ``nas/profiling/costs.py``.
"""
