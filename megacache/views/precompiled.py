"""Precompiled: the tree of torch's own precompile entries."""

from __future__ import annotations

from megacache.precompiled import Precompiled, PrecompiledCode, PrecompiledEntry, PrecompiledVariant
from megacache.views.tree import Node, Tree


def tree_of(precompiled: Precompiled) -> Tree:
    """Grow the tree of precompile entries.

    Args:
        precompiled: The entries and backends.

    Returns:
        Entries as functions, in them resume functions and guarded codes, and in these the backends; last the backends
        that no entry needs.
    """
    kinds = {each.backend_id: each.kind for each in precompiled.backends}
    needed = {each for entry in precompiled.entries for each in entry.backend_ids}
    idle = tuple(_backend("idle", each, kind) for each, kind in kinds.items() if each not in needed)
    outside = Node(kind="outside", key="idle", name="needed by no entry", children=idle)
    children = tuple(_entry(each, kinds) for each in precompiled.entries)
    return Tree(Node(kind="recording", key="", name="", children=(*children, outside) if idle else children))


def _entry(entry: PrecompiledEntry, kinds: dict[str, str]) -> Node:
    name = ".".join(filter(None, (entry.module, entry.name or entry.key[:12])))
    made_by = f"torch {entry.torch_version}, Python {entry.python_version}, {entry.device_type}"
    return Node(
        kind="session",
        key=entry.key,
        name=name,
        detail=f"{entry.key[:12]}, {made_by}",
        state="bypass" if entry.problems else "",
        children=tuple(_code(entry.key, at, code, kinds) for at, code in enumerate(entry.codes)),
        artifact_type="precompile",
        cache_key=entry.key,
    )


def _code(above: str, at: int, code: PrecompiledCode, kinds: dict[str, str]) -> Node:
    key = f"{above}/{at}"
    missing = tuple(_backend(key, each, "missing", state="missed") for each in code.missing_backend_ids)
    variants = tuple(_variant(key, at, each, kinds) for at, each in enumerate(code.variants))
    return Node(
        kind="resume" if code.is_resume else "function",
        key=key,
        name=code.qualname,
        detail="; ".join((f"{code.filename}:{code.first_line}", *code.problems)),
        state="bypass" if code.problems else "",
        children=(*variants, *missing),
        line=code.first_line,
    )


def _variant(above: str, at: int, variant: PrecompiledVariant, kinds: dict[str, str]) -> Node:
    key = f"{above}/{at}"
    found = tuple(_backend(key, each, kinds[each]) for each in variant.backend_ids if each in kinds)
    resumes = f"resumes in {', '.join(variant.resume_names)}" if variant.resume_names else ""
    return Node(
        kind="guarded_code", key=key, name=str(at), detail=resumes, size_bytes=variant.guards_size_bytes, children=found
    )


def _backend(above: str, backend_id: str, kind: str, state: str = "") -> Node:
    return Node(
        kind="backend", key=f"{above}/{backend_id}", name=backend_id, detail=kind, state=state, backend_id=backend_id
    )
