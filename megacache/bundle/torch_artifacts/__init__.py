"""Torch's artifacts, read inertly: what each tells without torch, as rows.

Layer: bundle. `entries` reads one artifact; `graphs`, `precompile`, `profile` and `guards` know what torch puts into
each type, `callables` what loading one runs beyond that, and `rows` makes the rows of a recording of all.
"""

from __future__ import annotations
