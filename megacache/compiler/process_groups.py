"""Process groups: which part of a distributed job this process is.

Layer: compiler. Dynamo makes constants of rank and size, and functional collectives name their group: a graph is right
for one place in the job alone.

Source: `_World` in `torch/distributed/distributed_c10d.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch.distributed as dist

from megacache.compiler.content import digest


def process_groups() -> dict[str, str]:
    """Return the rank of this process and the members of its groups; nothing where no group was made."""
    if not dist.is_available() or not dist.is_initialized():
        return {}
    return {"rank": f"{dist.get_rank()} of {dist.get_world_size()}", **dict(_groups())}


def changes_of_groups(stored: Mapping[str, str], live: Mapping[str, str]) -> Iterator[str]:
    """Yield one sentence for each difference, such as "rank is 1 of 4 now, was 0 of 2"."""
    for name in sorted({*stored, *live}, key=lambda name: (name != "rank", name)):
        now, then = (each.get(name, "absent") for each in (live, stored))
        if now != then:
            yield f"{name} is {now} now, was {then}"


def _groups() -> Iterator[tuple[str, str]]:
    from torch.distributed.distributed_c10d import _world

    for group, (backend, _) in list(_world.pg_map.items()):
        ranks = tuple(map(str, _world.pg_group_ranks[group]))
        yield f"process group `{_world.pg_names[group]}`", f"{backend} of {len(ranks)} ranks, {digest(ranks)[:8]},"
