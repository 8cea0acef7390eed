"""Benchmarking and regression testing for ONNX Runtime.

The rooms, in the order in which a case flows through them::

    plan -> build -> measure -> judge -> store -> show

The nouns that flow are in `harness.core`; `harness.run` is the loop over a
plan, and each question about cases has a folder of its own: see
docs/architecture.md. Nothing is imported here: ``import harness``
costs nothing, and the worker can start under any runtime.
"""
