"""Profile: which sizes torch saw change from call to call, and what it measured to be the fastest, read inertly.

Layer: bundle. These are the artifacts `pgo`, whole anew after each compile that changed it, and `autotune`.

Source: `CodeId`, `CodeState` and `FrameStateSizeEntry` in `torch/_dynamo/pgo.py`; `AutotuneCache.save` in
`torch/_inductor/runtime/autotune_cache.py`; 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from megacache.bundle.placeholders import PickledObject, Value
from megacache.bundle.torch_artifacts.graphs import Place
from megacache.bundle.torch_artifacts.plain_values import MOST_ROWS, number, text
from megacache.model import ProfiledSize
from megacache.views.names import plain_source

DYNAMIC = "dynamic"
_LONGEST_NAME = 1000
_MOST_INPUTS = 1000


@dataclass(frozen=True, slots=True)
class Profile:
    """What torch knows of the sizes of one job.

    Attributes:
        sizes: Each size that a function was given, by function and expression: a number, or `dynamic`.
        excluded: The numbers that sizes were before they became dynamic, where torch still knows them.
    """

    sizes: dict[tuple[Place, str], str]
    excluded: dict[tuple[Place, str], str]


class History:
    """The states of any number of jobs, in the order in which torch recorded them.

    Each state is whole, and a dynamic size no longer tells what it was: only the earlier states of its job do.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, dict[tuple[Place, str], str]] = defaultdict(dict)

    def rows(self, cache_key: str, profile: Profile) -> tuple[ProfiledSize, ...]:
        """Take the next state of a job, and return each size of it as a row.

        Args:
            cache_key: That of the artifact.
            profile: The state.
        """
        known = self._numbers[cache_key]
        rows = tuple(
            ProfiledSize(
                cache_key=cache_key,
                filename=place.filename,
                first_line=place.line,
                function=place.function,
                source=plain_source(source),
                size=size,
                was=(known.get((place, source)) or profile.excluded.get((place, source))) if size == DYNAMIC else None,
            )
            for (place, source), size in profile.sizes.items()
        )
        known |= {key: size for key, size in profile.sizes.items() if size != DYNAMIC}
        return rows


def sentences(rows: Iterable[ProfiledSize]) -> tuple[str, ...]:
    """Say which sizes of a state are dynamic, one sentence each."""
    return tuple(
        f"{row.source} in {row.function} is dynamic{f', was {row.was}' if row.was else ''}"
        for row in rows
        if row.size == DYNAMIC
    )


def profile_of(value: Value) -> Profile | None:
    """Read the state of profile-guided optimization.

    Args:
        value: What its pickle holds.

    Returns:
        What it tells, or None when it is something else.
    """
    if not isinstance(value, PickledObject) or not value.name.endswith("defaultdict"):
        return None
    sizes: dict[tuple[Place, str], str] = {}
    excluded: dict[tuple[Place, str], str] = {}
    for code, state in value.items.pairs[:MOST_ROWS]:
        sources = state.get("automatic_dynamic") if isinstance(state, PickledObject) else None
        if not isinstance(code, PickledObject) or not isinstance(sources, PickledObject) or len(sizes) > MOST_ROWS:
            continue
        filename, function = (text(code.get(name), _LONGEST_NAME) or "?" for name in ("filename", "name"))
        place = Place(filename, number(code.get("firstlineno")) or 0, function)
        for source, entry in sources.items.pairs[:_MOST_INPUTS]:
            name = text(source, _LONGEST_NAME) or "?"
            if isinstance(entry, PickledObject):
                sizes |= {(place, each): size for each, size in _sizes(name, entry, "size", "scalar")}
                earlier = _sizes(name, entry, "excluded_sizes", "excluded_scalar")
                excluded |= {(place, each): size for each, size in earlier if size != DYNAMIC}
    return Profile(sizes, excluded)


def _sizes(source: str, entry: PickledObject, size: str, scalar: str) -> Iterator[tuple[str, str]]:
    """Yield the sizes of one input; one that became dynamic is an enumeration's member instead of a number."""
    sizes = entry.get(size)
    if isinstance(sizes, tuple):
        yield from (
            (f"{source}.size()[{index}]", _size(each)) for index, each in enumerate(sizes[:64]) if each is not None
        )
    elif (value := entry.get(scalar)) is not None:
        yield source, _size(value)


def _size(value: Value) -> str:
    return DYNAMIC if isinstance(value, PickledObject) else str(number(value))


def best_config(content: bytes) -> str | None:
    """Write what autotuning found to be the fastest.

    Args:
        content: The artifact.

    Returns:
        Such as `XBLOCK 128, num_warps 4`, or None when it is not JSON as torch writes it.
    """
    try:
        found = json.loads(content[: 1 << 20].decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    told = {name: value for name, value in found.items() if isinstance(value, (int, float, bool))}
    return ", ".join(f"{text(name, 60)} {value}" for name, value in list(told.items())[:20]) or None
