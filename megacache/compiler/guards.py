"""Guards: those that torch kept and those that it dropped, by compile.

Layer: compiler, but needs no torch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from megacache.compiler import guard_tree
from megacache.compiler.changes import CompileKey
from megacache.compiler.raw_events import GuardDropped
from megacache.model import Guard


class Guards:
    """Fold what torch tells of guards into rows."""

    def __init__(self) -> None:
        self._rows: dict[CompileKey, list[Guard]] = defaultdict(list)

    def feed_kept(self, payload: str, key: CompileKey) -> None:
        """Take torch's text of the guards that it kept; what was dropped before comes after them."""
        dropped = [guard for guard in self._rows[key] if guard.is_dropped]
        kept = list(guard_tree.guards_in(payload, run_id=key[0], compile_id=key[1]))
        self._rows[key] = [replace(guard, ordinal=ordinal) for ordinal, guard in enumerate((*kept, *dropped))]

    def feed_dropped(self, event: GuardDropped, key: CompileKey) -> None:
        """Take one guard that torch left out; each is told once."""
        guards = self._rows[key]
        known = {(each.guard_type, each.expression) for each in guards if each.is_dropped}
        if (event.guard_type, event.name) in known:
            return
        guards.append(
            Guard(
                run_id=key[0],
                compile_id=key[1],
                ordinal=len(guards),
                guard_type=event.guard_type,
                expression=event.name,
                is_dropped=True,
                drop_reason=event.reason,
            )
        )

    def of(self, key: CompileKey) -> Sequence[Guard]:
        """Return the guards of one compile."""
        return self._rows.get(key, ())
