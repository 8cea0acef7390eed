"""1,797 handwritten digits of 8 x 8 pixels.

E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
Learning Repository, 1998, https://doi.org/10.24432/C50P49, CC BY 4.0; the test
part, as scikit-learn bundles it. Run this file to write ``digits.npz`` again::

    python -m harness.build.catalogue.digits
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.build.data import Arrays, Catalogued

PATH = Path(__file__).with_name("digits.npz")
SEED = 0
TRAINING, CALIBRATION = 1000, 200
"""Samples trained on, and set apart for calibration; the other 597 are evaluated."""


def split(arrays: Arrays, calibration: int) -> tuple[Arrays, Arrays]:
    """Return the calibration part, cut short, and the evaluation part, as a model takes them."""
    parts = parts_of(arrays)
    return {name: array[:calibration] for name, array in parts["calibration"].items()}, parts["evaluation"]


def parts_of(arrays: Arrays) -> dict[str, Arrays]:
    """Split into training, calibration and evaluation.

    ``x`` becomes float32 [n, 1, 8, 8] in 0..1, ``y`` int64 [n].
    """
    import numpy as np

    order = np.random.default_rng(SEED).permutation(len(arrays["y"]))
    images = (arrays["x"].astype(np.float32) / 16)[:, None]
    labels = arrays["y"].astype(np.int64)
    cuts = np.split(order, [TRAINING, TRAINING + CALIBRATION])
    names = ("training", "calibration", "evaluation")
    return {name: {"x": images[cut], "y": labels[cut]} for name, cut in zip(names, cuts, strict=True)}


def write(path: Path = PATH) -> None:
    """Write the data from scikit-learn's copy: ``x`` uint8 [n, 8, 8] in 0..16, ``y`` uint8 [n]."""
    import numpy as np
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    np.savez_compressed(path, x=bunch.images.astype(np.uint8), y=bunch.target.astype(np.uint8))


DIGITS = Catalogued(PATH, split)

if __name__ == "__main__":
    write()
