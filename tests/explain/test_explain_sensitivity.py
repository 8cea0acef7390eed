"""Which nodes cost accuracy: found by halving, on scores that are made up."""

from __future__ import annotations

from collections.abc import Iterable

from harness.explain.model import NodeGroup
from harness.explain.sensitivity import Search

NODES = tuple(f"n{number}" for number in range(16))


def search(costs: dict[str, float], total_db: float = 40.0, tries: int = 100) -> Search:
    """A model of which each node costs so many dB; without any of NODES there is nothing to convert."""

    def score(excluded: Iterable[str]) -> float | None:
        left = set(NODES) - set(excluded)
        return total_db - sum(costs.get(name, 0.0) for name in left) if left else None

    made = Search(NODES, score)
    made.until = lambda: made.evaluations >= tries
    return made


def test_the_nodes_that_cost_are_found_without_trying_each() -> None:
    found = search({"n3": 12.0, "n11": 5.0})
    assert found.run() == [NodeGroup(("n3",), 12.0), NodeGroup(("n11",), 5.0)]
    assert found.start_db == 23.0
    assert found.evaluations == 15  # one by one takes 17, and grows with the nodes, not with their logarithm


def test_the_fewest_that_reach_the_bound_are_the_best_of_them() -> None:
    found = search({"n3": 12.0, "n11": 5.0, "n12": 2.0})
    found.run()
    assert found.fewest(33.0) == (("n3",), 33.0)
    assert found.fewest(36.0) == (("n3", "n11"), 38.0)
    assert found.fewest(20.0) == ((), 21.0)  # as it is
    assert found.fewest(50.0) is None


def test_when_the_time_is_up_a_group_stays_together() -> None:
    found = search({"n3": 12.0}, tries=4)
    assert found.run() == [NodeGroup(("n0", "n1", "n2", "n3"), 12.0)]
    assert found.fewest(40.0) == (("n0", "n1", "n2", "n3"), 40.0)


def test_a_model_of_which_one_node_is_converted_at_all_has_that_one() -> None:
    def score(excluded: frozenset[str]) -> float | None:
        return None if "n5" in excluded else 10.0

    found = Search(NODES, score)
    (group,) = found.run()
    assert group.nodes == ("n5",)


def test_nothing_is_excluded_from_what_cannot_be_scored() -> None:
    assert Search(NODES, lambda excluded: None).run() == []
