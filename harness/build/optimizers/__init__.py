"""Rewrite a graph to compute the same with less, before anything else is made of it.

A new optimizer is a name in `harness.core.vocabulary.OPTIMIZERS`, a row in
`harness.core.tools.TOOLS`, and a function in `main`; ONNX Runtime's own, in
`offline`, needs no tool.
"""
