"""Reliance: what one of torch's precompile entries takes for granted and torch does not check, as lines of text.

Layer: compiler.

Torch's entry has no guard on identities, such as "this very helper", and checks the text of functions that it inlined
only where it finds a file. So megacache tells, while torch compiles, what must be the same by content, and keeps it
beside the entry as its key components.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from megacache.compiler.needs import Need
from megacache.explain import parse_components

FORMAT = "1"
"""The version of the lines; others are not trusted."""


@dataclass(slots=True)
class Reliance:
    """What an entry relies on.

    Attributes:
        config_digest: A digest of every option of torch that changes code; None until something was compiled.
        codes: What the function was: (`module:qualname`, digest of its code).
        needs: What was inlined or called, as `needs.Need`.
        pinned: What the guards watched that torch left out: (source, digest). A source is such as `G['helper']`, or
            `C['helper']` for a name in the closure of the function.
        untold: Why it cannot be proven at all, a sentence each.
    """

    config_digest: str | None = None
    codes: dict[tuple[str, str], None] = field(default_factory=dict)
    needs: dict[Need, None] = field(default_factory=dict)
    pinned: dict[tuple[str, str], None] = field(default_factory=dict)
    untold: dict[str, None] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return it as key components, one per line as `[digest] name: text`."""
        rows: list[tuple[str, str, str]] = [("format".ljust(8, "0"), "format", FORMAT)]
        rows += [(self.config_digest, "config", "options of torch")] if self.config_digest else []
        rows += _numbered("code", ((digest, name) for name, digest in self.codes))
        rows += _numbered("need", ((digest, f"{kind} {name}") for kind, name, digest in self.needs))
        rows += _numbered("pinned", ((digest, source) for source, digest in self.pinned))
        rows += _numbered("untold", (("0" * 8, reason) for reason in self.untold))
        return "\n".join(f"[{digest}] {name}: {text}" for digest, name, text in rows).encode("utf-8", "replace")

    @classmethod
    def decode(cls, content: bytes) -> Reliance | None:
        """Read what `encode` wrote.

        Args:
            content: The key components of an entry.

        Returns:
            What it relies on; None when the lines are others.
        """
        found = parse_components(content.decode("utf-8", "replace"))
        if "format" not in found or found["format"].text != FORMAT:
            return None
        reliance = cls(config_digest=found["config"].digest if "config" in found else None)
        for each in found.values():
            match each.name.partition("[")[0]:
                case "code":
                    reliance.codes[each.text, each.digest] = None
                case "need":
                    kind, _, name = each.text.partition(" ")
                    reliance.needs[kind, name, each.digest] = None
                case "pinned":
                    reliance.pinned[each.text, each.digest] = None
                case "untold":
                    reliance.untold[each.text] = None
        return reliance


def _numbered(kind: str, rows: Iterable[tuple[str, str]]) -> list[tuple[str, str, str]]:
    return [(digest, f"{kind}[{at}]", " ".join(text.split())) for at, (digest, text) in enumerate(rows)]
