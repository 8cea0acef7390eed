"""Models of other libraries, for the suites of converters: each is fitted or trained when it is converted.

Each function needs its own library alone, which lies with the converter (docs/sources.md).
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from harness.build.catalogue.digits import PATH, parts_of

CLASSES = 10
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def digits(part: str, *shape: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return images, each of this shape, and labels of a part of the digits."""
    with np.load(PATH) as arrays:
        found = parts_of(arrays)[part]
    return found["x"].reshape(-1, *(shape or (64,))), found["y"]


def sklearn_pipeline() -> tuple[Any, ...]:
    """Scale, and regress."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    return model.fit(*digits("training")), *digits("evaluation")


def sklearn_words() -> tuple[Any, ...]:
    """A forest whose labels are text."""
    from sklearn.ensemble import RandomForestClassifier

    rows, labels = digits("training")
    model = RandomForestClassifier(20, random_state=0).fit(rows, _words(labels))
    rows, labels = digits("evaluation")
    return model, rows, _words(labels)


def xgboost_classifier() -> tuple[Any, ...]:
    """Boosted trees of XGBoost."""
    from xgboost import XGBClassifier

    model = XGBClassifier(n_estimators=20, max_depth=4, n_jobs=1, random_state=0)
    return model.fit(*digits("training")), *digits("evaluation")


def xgboost_regressor() -> tuple[Any, ...]:
    """A digit as a number."""
    from xgboost import XGBRegressor

    rows, labels = digits("training")
    model = XGBRegressor(n_estimators=20, n_jobs=1, random_state=0).fit(rows, labels)
    rows, labels = digits("evaluation")
    return model, rows, labels.astype(np.float64)


def lightgbm_words() -> tuple[Any, ...]:
    """Boosted trees of LightGBM, whose labels are text."""
    from lightgbm import LGBMClassifier

    rows, labels = digits("training")
    model = LGBMClassifier(n_estimators=20, n_jobs=1, verbose=-1, random_state=0).fit(rows, _words(labels))
    rows, labels = digits("evaluation")
    return model, rows, _words(labels)


def lightgbm_regressor() -> tuple[Any, ...]:
    """A digit as a number."""
    from lightgbm import LGBMRegressor

    rows, labels = digits("training")
    model = LGBMRegressor(n_estimators=20, n_jobs=1, verbose=-1, random_state=0).fit(rows, labels)
    rows, labels = digits("evaluation")
    return model, rows, labels.astype(np.float64)


def keras_cnn() -> tuple[Any, ...]:
    """A small convolutional net of Keras."""
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(*digits("training", 8, 8, 1), epochs=10, batch_size=32, verbose=0)
    return model, *digits("evaluation", 8, 8, 1)


def keras_lstm() -> tuple[Any, ...]:
    """Rows of an image, one after the other."""
    import keras
    from keras import layers

    model = keras.Sequential(
        [keras.Input((8, 8)), layers.LSTM(32), layers.Dense(CLASSES, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(*digits("training", 8, 8), epochs=10, batch_size=32, verbose=0)
    return model, *digits("evaluation", 8, 8)


def tensorflow_dense() -> tuple[Any, ...]:
    """Two layers, written by hand as a module of TensorFlow."""
    import tensorflow as tf

    class Dense(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = tf.Variable(tf.random.normal((64, 32), stddev=0.1))
            self.second = tf.Variable(tf.random.normal((32, CLASSES), stddev=0.1))

        def __call__(self, x: Any) -> Any:
            return tf.nn.relu(x @ self.first) @ self.second

    model, (rows, labels) = Dense(), digits("training")
    for _ in range(300):
        with tf.GradientTape() as tape:
            scores = model(rows)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores))
        for variable, slope in zip(model.variables, tape.gradient(loss, model.variables), strict=True):
            variable.assign_sub(0.5 * slope)
    return model, *digits("evaluation")


def jax_dense() -> tuple[Any, ...]:
    """Two layers, as a function of JAX."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
    import jax.numpy as jnp

    def scores(weights: Any, rows: Any) -> Any:
        return jax.nn.relu(rows @ weights[0]) @ weights[1]

    def loss(weights: Any, rows: Any, labels: Any) -> Any:
        chances = jax.nn.log_softmax(scores(weights, rows))
        return -chances[jnp.arange(len(labels)), labels].mean()

    keys = jax.random.split(jax.random.key(0))
    weights = [jax.random.normal(keys[0], (64, 32)) * 0.1, jax.random.normal(keys[1], (32, CLASSES)) * 0.1]
    rows, labels = digits("training")
    slope = jax.jit(jax.grad(loss))
    for _ in range(300):
        steps = slope(weights, rows, labels)
        weights = [weight - 0.5 * step for weight, step in zip(weights, steps, strict=True)]
    return lambda x: scores(weights, x), *digits("evaluation")


def jax_mlp() -> tuple[Any, ...]:
    """A module of equinox, untrained, called for each row."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import equinox
    import jax

    model = equinox.nn.MLP(64, CLASSES, 32, 1, key=jax.random.key(0))
    return jax.vmap(model), digits("evaluation")[0]


def _words(labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.array(WORDS)[labels]
