"""LoadReport: what became of every artifact that a session offered to torch.

Layer: ground. May import model, and views to show sizes. pandas and rich are imported when a report is shown with them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING

from megacache.model import Verdict

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

VERDICTS = ("hit", "loaded", "unused", "rejected", "refused", "missed")
"""Every verdict, from the best to the worst; `loaded` is one that is not settled yet."""

FINDINGS = ("rejected", "refused", "missed")
"""The verdicts that cost a compilation."""

_LONGEST_REASON = 120

COLUMNS = ("verdict", "artifacts", "size", "type", "reason")
"""The columns of a report's summary, as they are shown."""


@dataclass(frozen=True, repr=False)
class LoadReport:
    """The verdicts of one load, one per artifact, and one per lookup that nothing stored could serve."""

    verdicts: tuple[Verdict, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many artifacts have each verdict, in the order of `VERDICTS`; those with none are left out."""
        found = Counter(each.verdict for each in self.verdicts)
        return {verdict: found[verdict] for verdict in VERDICTS if found[verdict]}

    @property
    def has_findings(self) -> bool:
        """Say whether anything was rejected, refused or missed."""
        return any(verdict in FINDINGS for verdict in self.counts)

    @property
    def summary(self) -> list[tuple[str, int, int, str, str]]:
        """One row per verdict, type and reason: verdict, count, bytes of content, type, reason; the best verdict first.

        Rows of one verdict have the largest count first. A missed key has no content.
        """
        counts: Counter[tuple[str, str, str]] = Counter()
        sizes: Counter[tuple[str, str, str]] = Counter()
        for each in self.verdicts:
            group = (each.verdict, each.artifact_type, each.reason or "")
            counts[group] += 1
            sizes[group] += each.size_bytes or 0
        groups = sorted(counts, key=lambda group: (VERDICTS.index(group[0]), -counts[group], group))
        return [(verdict, counts[key], sizes[key], kind, reason) for key in groups for verdict, kind, reason in [key]]

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per verdict, in the order of the recording, with the columns of `Verdict`."""
        import pandas as pd

        columns = [each.name for each in fields(Verdict)]
        return pd.DataFrame([asdict(each) for each in self.verdicts], columns=columns)

    def to_dict(self) -> dict[str, object]:
        """Return counts and verdicts as what JSON knows."""
        return {"counts": self.counts, "verdicts": [asdict(each) for each in self.verdicts]}

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        if not self.verdicts:
            return "nothing to load"
        counts = ", ".join(f"{count} {verdict}" for verdict, count in self.counts.items())
        reasons = Counter(each.reason for each in self.verdicts if each.verdict in FINDINGS and each.reason)
        return counts + (f": {_first_and_more(reasons)}" if reasons else "")

    def __rich__(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(title=Text(str(self)), title_justify="left")
        for column in COLUMNS:
            table.add_column(column, justify="right" if column in ("artifacts", "size") else "left")
        for row in self.summary:
            table.add_row(*(Text(cell) for cell in _cells(row)))
        return table

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{column}</th>" for column in COLUMNS)
        cells = ("".join(f"<td>{escape(cell)}</td>" for cell in _cells(row)) for row in self.summary)
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if body else ""
        return f"<p>{escape(str(self))}</p>{table}"


def _cells(row: tuple[str, int, int, str, str]) -> list[str]:
    from megacache.views.units import format_bytes

    verdict, count, size_bytes, artifact_type, reason = row
    return [verdict, f"{count:,}", format_bytes(size_bytes) if size_bytes else "", artifact_type, reason]


def _first_and_more(reasons: Counter[str]) -> str:
    commonest, more = reasons.most_common(1)[0][0], len(reasons) - 1
    shown = commonest if len(commonest) <= _LONGEST_REASON else commonest[: _LONGEST_REASON - 1] + "…"
    return shown + (f" (and {more} more {'reason' if more == 1 else 'reasons'})" if more else "")
