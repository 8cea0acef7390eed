"""Benchmarking and regression testing for ONNX Runtime.

The rooms, in the order in which a case flows through them::

    plan -> build -> measure -> judge -> store -> show

The nouns that flow stand beside this file; the loops that join the rooms are
``run``, ``ab`` and ``bisect``. Nothing is imported here: ``import harness``
costs nothing, and the worker can start under any runtime.
"""
