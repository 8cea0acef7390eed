"""What an A/B from Python comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.ab.model import ABResult
from harness.ab.view import ABDocument
from harness.core.decision import Change, MetricComparison
from harness.core.errors import NotFoundError
from harness.core.metrics import HEADLINE
from harness.core.registry import closest
from harness.core.units import count, format_percent
from harness.show.html import draw_html

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Verdict:
    """An A/B of BASE and HEAD: what changed, how surely, and whether the job is to be trusted."""

    result: ABResult

    @property
    def verdict(self) -> Change:
        """The verdict of the job: a regression where any metric of any case has one.

        Else an improvement where any has one, which leaves open what is inconclusive beside
        it; else inconclusive, as where the control fired or nothing was compared; else equivalent.
        """
        found = {item.decision.verdict for item in self.result.comparisons}
        if not self.trusted or not found:
            return Change.INCONCLUSIVE
        order = (Change.REGRESSION, Change.IMPROVEMENT, Change.INCONCLUSIVE, Change.EQUIVALENT)
        return next(change for change in order if change in found)

    @property
    def trusted(self) -> bool:
        """Whether the base arm, run against itself, showed no difference."""
        return self.result.trusted

    @property
    def comparisons(self) -> tuple[MetricComparison, ...]:
        """Every metric of every case, worst first."""
        return self.result.comparisons

    def of(self, metric: str = HEADLINE, case: str | None = None) -> MetricComparison:
        """Give the comparison of one metric: of `case`, or of the case where it is worst.

        Its `decision` has verdict, ratio (HEAD over BASE), low, high (95%), p and mde, the smallest
        change that this job could have shown. Raises NotFoundError.
        """
        for item in self.comparisons:
            if item.metric == metric and case in (None, item.case):
                return item
        known = [item.metric for item in self.comparisons if case in (None, item.case)]
        of = f" of {case}" if case else ""
        raise NotFoundError(f"no comparison of {metric!r}{of}: {closest(metric, known)}")

    def frame(self) -> pd.DataFrame:
        """Give a row a case and metric: base and head in SI units, ratio, low, high, p, mde, verdict."""
        import pandas as pd

        return pd.DataFrame([item.to_json() for item in self.comparisons])

    def __repr__(self) -> str:
        trust = "" if self.trusted else ", not to be trusted"
        first = next((item for item in self.comparisons if item.metric == HEADLINE), None)
        number = ""
        if first is not None and first.decision.ratio is not None:
            number = f"; {first.metric} {format_percent(first.decision.ratio - 1, signed=True)}"
        compared = count(len(self.comparisons), "comparison")
        return f"<Verdict {self.verdict}{trust}: {compared}{number}>"

    def _repr_html_(self) -> str:
        return draw_html(ABDocument(self.result).page())
