"""Lookup: find the artifact, compile or code that a user names, with everything that belongs to it.

Layer: faces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from megacache.errors import UsageError
from megacache.explain import Component, parse_components
from megacache.model import Artifact, ArtifactUse, Code, Compile
from megacache.recording import Recording
from megacache.views.names import KEY_LENGTH, artifact_name, telling_part

COMPILE_ID = re.compile(r"(!\d+/)?\d+/\d+")


@dataclass(frozen=True, slots=True)
class Card:
    """One found row with the rows that belong to it, under the names of their tables.

    `kind` is `artifact`, `compile` or `code`.
    """

    kind: str
    row: Artifact | Compile | Code
    related: dict[str, tuple[object, ...]]


def find(recording: Recording, name: str) -> list[Card]:
    """Find what a name stands for.

    Args:
        recording: The rows of a bundle, and the way to their contents.
        name: A compile id (`2/1`), the name of a code object, or the first characters of a cache key or content digest.

    Returns:
        One card per match: a compile id may occur in several sessions, a name in several modules.

    Raises:
        UsageError: When nothing has this name, or it begins the keys of several artifacts.
        CorruptBundleError: When the content of guards or key components is damaged.
    """
    if COMPILE_ID.fullmatch(name):
        cards = [compile_card(recording, each) for each in recording.compiles if each.compile_id == name]
    else:
        cards = [code_card(recording, each) for each in recording.codes if is_named(each, name)]
        cards = cards or [artifact_card(recording, each) for each in artifacts_beginning(recording, name)]
    if not cards:
        raise UsageError(
            f"nothing is called {name!r}: give a compile id (such as 0/0), the name of a function, or the first "
            "characters of a cache key; `megacache ls` and `megacache tree` show them"
        )
    return cards


def is_named(code: Code, name: str) -> bool:
    """Say whether a code object has this name.

    Args:
        code: The code object.
        name: Its qualname, the last part of it, or its code id.

    Returns:
        Whether it is meant.
    """
    return name in (code.title, code.qualname, code.title.rpartition(".")[2], code.code_id)


def artifacts_beginning(recording: Recording, prefix: str) -> list[Artifact]:
    """Find the artifacts of one key by its first characters.

    Args:
        recording: The rows of a bundle.
        prefix: The first characters of a cache key or of a content digest.

    Returns:
        Every content of that key.

    Raises:
        UsageError: When several keys begin like this.
    """
    found = [each for each in recording.artifacts if any(name.startswith(prefix) for name in names_of(each))]
    keys = {each.cache_key: each for each in reversed(found)}
    if len(keys) > 1 and prefix not in keys:
        some = ", ".join(as_matched(keys[key], prefix) for key in sorted(keys)[:5])
        raise UsageError(f"{len(keys)} artifacts begin with {prefix!r}: {some}; give more characters")
    return found if len(keys) <= 1 else [each for each in found if each.cache_key == prefix]


def names_of(artifact: Artifact) -> tuple[str, str, str]:
    """Return what an artifact may be called by: its key, what tells that from others, and the digest of its content.

    Args:
        artifact: The artifact.
    """
    return artifact.cache_key, telling_part(artifact.cache_key), artifact.content_sha256


def as_matched(artifact: Artifact, prefix: str) -> str:
    """Name an artifact so that it is seen why it was found.

    Args:
        artifact: What was found.
        prefix: The beginning of one of its names.

    Returns:
        More of the key than was given; where only its content begins so, its name and more of the digest.
    """
    shown = max(KEY_LENGTH, len(prefix) + 8)
    *keys, digest = names_of(artifact)
    matched = next((key for key in keys if key.startswith(prefix)), None)
    if matched is not None:
        return matched[:shown]
    return f"{artifact_name(artifact.artifact_type, artifact.cache_key)} (content {digest[:shown]})"


def artifact_card(recording: Recording, artifact: Artifact) -> Card:
    """Gather an artifact's uses and key components.

    Args:
        recording: The rows of a bundle, and the way to their contents.
        artifact: One of them.

    Returns:
        The card; the key components are those of the last use that has some.
    """
    key = (artifact.artifact_type, artifact.cache_key)
    uses = tuple(each for each in recording.artifact_uses if (each.artifact_type, each.cache_key) == key)
    return Card("artifact", artifact, {"uses": uses, "key_components": key_components(recording, uses)})


def key_components(recording: Recording, uses: Iterable[ArtifactUse]) -> tuple[Component, ...]:
    """Read the key components that the last of these uses recorded.

    Args:
        recording: The way to their contents.
        uses: The uses of one artifact, in order.

    Returns:
        The components in torch's order; none when torch did not say them.
    """
    digests = [each.components_sha256 for each in uses if each.components_sha256 is not None]
    if not digests:
        return ()
    return tuple(parse_components(recording.read(digests[-1]).decode("utf-8", "replace")).values())


def compile_card(recording: Recording, compiled: Compile) -> Card:
    """Gather a compile's code, graph breaks, recompile reasons, dimensions, backend entries, uses and guards.

    Args:
        recording: The rows of a bundle, and the way to their contents.
        compiled: One of its compiles.

    Returns:
        The card.
    """
    key = (compiled.run_id, compiled.compile_id)
    tables: dict[str, Iterable[object]] = {
        "graph_breaks": recording.graph_breaks,
        "recompile_reasons": recording.recompile_reasons,
        "dimensions": recording.dimensions,
        "backend_entries": recording.backend_entries,
        "uses": recording.artifact_uses,
        "guards": recording.guards,
    }
    related: dict[str, tuple[object, ...]] = {
        name: tuple(each for each in rows if (each.run_id, each.compile_id) == key)  # type: ignore[attr-defined]
        for name, rows in tables.items()
    }
    codes = tuple(each for each in recording.codes if each.code_id == compiled.code_id)
    return Card("compile", compiled, {"codes": codes, **related})


def code_card(recording: Recording, code: Code) -> Card:
    """Gather a code object's compiles and resume functions.

    Args:
        recording: The rows of a bundle.
        code: One of its code objects.

    Returns:
        The card.
    """
    compiles = tuple(each for each in recording.compiles if each.code_id == code.code_id)
    resume_functions = tuple(each for each in recording.codes if each.parent_code_id == code.code_id)
    return Card("code", code, {"compiles": compiles, "resume_functions": resume_functions})
