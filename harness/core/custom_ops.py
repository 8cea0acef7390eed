"""Custom operators: the message where a model needs some that nothing brings."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.form import Form


def missing_domains(domains: Sequence[str], libraries: Sequence[str], form: Form = Form.COMMAND) -> str:
    """Say which operators are missing, and how to add the library that brings them."""
    names = ", ".join(domains)
    if libraries:
        given = ", ".join(library.rpartition("/")[2] for library in libraries)
        return (
            f"ONNX Runtime has no operators of {names}, and {given} does not bring those that the model needs"
        )
    return f"ONNX Runtime has no operators of {names}; name the library that brings them: " + (
        "custom_ops=['LIBRARY']"
        if form is Form.PYTHON
        else "--custom-ops LIBRARY, or in the suite: session: {custom_ops: [LIBRARY]}"
    )
