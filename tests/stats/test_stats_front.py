from random import Random

from harness.stats.front import Range, beats, front


def test_a_cell_is_off_the_front_only_where_intervals_show_it_beaten() -> None:
    cells = {
        0: [Range(1.0, 1.1), Range(5.0, 5.0)],
        1: [Range(1.2, 1.3), Range(5.0, 5.0)],  # slower for sure, no smaller
        2: [Range(1.05, 1.15), Range(5.0, 5.0)],  # overlaps
        3: [Range(2.0, 2.1), Range(1.0, 1.0)],  # slow and small
    }
    assert front(cells) == [0, 2, 3]


def test_the_front_is_that_of_comparing_everything_with_everything() -> None:
    draw = Random(5)
    cells = {}
    for key in range(200):
        values = [draw.random() for _ in range(3)]
        cells[key] = [Range(value, value + 0.2 * draw.random()) for value in values]
    assert front(cells) == [
        key for key, own in cells.items() if not any(beats(other, own) for other in cells.values())
    ]
    assert 0 < len(front(cells)) < 200
