import numpy as np

from harness.stats.discovery import adjusted


def test_chances_are_adjusted_as_scipy_does_it():
    from scipy.stats import false_discovery_control

    generator = np.random.default_rng(3)
    for n in (1, 2, 5, 200):
        chances = generator.random(n) ** 3
        np.testing.assert_allclose(adjusted(chances), false_discovery_control(chances))


def test_equal_chances_are_adjusted_alike_and_none_beyond_one():
    assert adjusted([0.9, 0.9, 0.9]).tolist() == [0.9, 0.9, 0.9]
    assert adjusted([1.0, 0.01]).tolist() == [1.0, 0.02]
