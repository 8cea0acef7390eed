"""How many blocks the cases of a job get: computed once from what is asked, before any ratio is known.

Where a job has one case, there is nothing to choose among: every block
decides. Of several cases each is screened on a few blocks; the candidates are
measured again on fresh blocks, which alone decide. The tests of a job share
alpha: the more of them, the more blocks a verdict takes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from harness.ab.model import ABSettings
from harness.core.metrics import METRICS
from harness.stats.sequential import EARLY_SHARE, LOOKS, FirstLook, fewest_values, safe_values

SCREEN_FEW, SCREEN_ALL = 3, 6
"""Blocks after which a clear candidate is known, and after which most cases are decided."""

CONTROL_TESTS = 2
"""Metrics that the control is judged by, p50 and p95, at the same share of alpha."""

ASSUMED_TESTS = 2
"""Candidates that blocks are made short for, before the screening has found any."""

IN_HAND = 0.1
"""The share of a budget that is not planned for: a block may take longer than the last ones did."""

EARLY = 1.25
"""How many times the blocks that are safe to decide on a budget pays that the job chose, to look at so
many first; one that was given pays twice as many."""

SPARE_ONLY, SPARE_CONFIRMATION = 2, 1
"""Blocks beyond the fewest that give a fair chance of a verdict."""


@dataclass(frozen=True, slots=True)
class Schedule(ABC):
    """Numbers of blocks of a case, all that decide counted."""

    settings: ABSettings
    tests: float  # that share alpha, in shares of p50's
    fewest: int  # can show anything at the first look
    fair: int  # have a fair chance of a verdict: some more than the fewest
    safe: int  # show a change though some of them stray
    second_look: int  # fewest that are worth a second look
    control: int  # fewest with which the control can fire

    @abstractmethod
    def to_come(self, screened: int, decisive: int) -> tuple[int, int]:
        """Return how many blocks are still to come for a fair chance of a verdict, and for a safe one."""

    @abstractmethod
    def looks(self, most: int) -> tuple[FirstLook | None, int]:
        """Return the first look of `most` blocks, if there are two, and how many are planned for it."""


@dataclass(frozen=True, slots=True)
class OnlyCase(Schedule):
    """The schedule of a job of one case: every block decides."""

    @classmethod
    def of(cls, settings: ABSettings, metrics: Iterable[str]) -> OnlyCase:
        """Compute it for tests of these metrics."""
        tests = count_tests(metrics)
        fewest = fewest_values(settings.alpha, tests)
        return cls(
            settings=settings,
            tests=tests,
            fewest=fewest,
            fair=fewest + SPARE_ONLY,
            safe=safe_values(settings.alpha, tests),
            second_look=safe_values(LOOKS[1] * settings.alpha, tests),
            control=fewest_values(settings.alpha, CONTROL_TESTS),
        )

    def to_come(self, screened: int, decisive: int) -> tuple[int, int]:
        """Return what is left of the fair number, and of the safe one."""
        return max(1, self.fair - decisive), max(1, self.safe - decisive)

    def looks(self, most: int) -> tuple[FirstLook | None, int]:
        """Return all of them for one look, unless a clear change should not have to wait for so many.

        Where the job chooses its budget it is to be an answer soon, and may grow for what is left open.
        """
        if self.settings.most_s and most >= EARLY * self.safe:
            return FirstLook(self.safe, EARLY_SHARE), self.safe
        return (FirstLook(self.safe), self.safe) if most >= 2 * self.safe else (None, most)


@dataclass(frozen=True, slots=True)
class SeveralCases(Schedule):
    """The schedule of a job of several cases: screening, then fresh blocks for the candidates."""

    @classmethod
    def of(cls, settings: ABSettings, tests: float = ASSUMED_TESTS) -> SeveralCases:
        """Compute it for so many candidates in the whole job, in shares of p50's."""
        fewest = fewest_values(LOOKS[0] * settings.alpha, tests)
        second = safe_values(LOOKS[1] * settings.alpha, tests)
        return cls(
            settings=settings,
            tests=tests,
            fewest=fewest,
            fair=fewest + SPARE_CONFIRMATION,
            safe=second,
            second_look=second,
            control=fewest_values(settings.alpha, CONTROL_TESTS),
        )

    def to_come(self, screened: int, decisive: int) -> tuple[int, int]:
        """Return what is left of the first screening, and a confirmation."""
        screening = max(1, SCREEN_FEW - screened)
        return screening + self.fair, screening + self.safe

    def looks(self, most: int) -> tuple[FirstLook | None, int]:
        """Return a look at all of them: what it leaves open may get a second one."""
        return FirstLook(most), most


def count_tests(metrics: Iterable[str]) -> float:
    """Count tests in shares of p50's."""
    return sum(METRICS[metric].alpha_share for metric in metrics)


def schedule_of(settings: ABSettings, cases: int) -> OnlyCase | SeveralCases:
    """Choose the strategy by the number of cases that run in both arms."""
    return OnlyCase.of(settings, settings.metrics) if cases == 1 else SeveralCases.of(settings)
