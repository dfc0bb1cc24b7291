"""The `megacache` command: every face of a bundle, in a shell.

Layer: faces. Reads bundles through `megacache.bundle` and shows them through `megacache.views`; never imports torch.

Exit codes: 0 fine, 1 a finding (damage, whichever command met it, or differences), 2 a wrong command or input (no such
file, not a bundle, nothing of that name, a place that cannot be written).
"""

from megacache.cli import pruning, reading, trusting, writing
from megacache.cli.app import app, main

__all__ = ["app", "main", "pruning", "reading", "trusting", "writing"]
