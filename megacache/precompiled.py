"""Precompiled: the nouns of torch's own precompile entries, wherever they are, and the tree that shows them.

Layer: ground. May import model and errors; views only inside the methods that show.

An entry is what torch keeps of one function: its code objects, of each the guarded codes, and the names of the compiled
graphs (backends) that these call. Torch calls them `_DynamoCacheEntry`, `_DynamoCodeCacheEntry`,
`_GuardedCodeCacheEntry` and `BackendCacheArtifact`.

Source: `torch/_dynamo/package.py` and `torch/_dynamo/precompile_context.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from megacache.views.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class InlinedSource:
    """A piece of a module's text that was traced; `checksum` is torch's, of the lines before `last_line`."""

    module: str
    first_line: int
    last_line: int
    checksum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecompiledVariant:
    """One guarded code: what its bytecode calls, and how large its pickled guards are, in bytes."""

    backend_ids: tuple[str, ...]
    resume_names: tuple[str, ...]
    guards_size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecompiledCode:
    """One code object of an entry.

    Attributes:
        module: The module whose globals it runs in.
        qualname: Its qualified name.
        filename: Its file.
        first_line: Its first line.
        function_names: The functions that have it; of a resume function, its names in the globals.
        is_resume: Whether it continues after a graph break.
        variants: Its guarded codes.
        backend_ids: The backends that torch needs for it.
        missing_backend_ids: Those of them that are not there.
        import_sources: The modules that Dynamo imports for its bytecode, by alias.
        is_bypassed: Whether torch will trace it anew instead of using it.
    """

    module: str
    qualname: str
    filename: str
    first_line: int
    function_names: tuple[str, ...]
    is_resume: bool
    variants: tuple[PrecompiledVariant, ...]
    backend_ids: tuple[str, ...]
    missing_backend_ids: tuple[str, ...]
    import_sources: Mapping[str, str]
    is_bypassed: bool

    @property
    def problems(self) -> tuple[str, ...]:
        """Why torch will not use it, a sentence each; torch itself logs a warning at most."""
        missing = (f"backend {each} is missing: torch saves the code without it" for each in self.missing_backend_ids)
        bypass = "it is bypassed: its guards could not be kept, or a backend was missing when it was saved"
        return (*((bypass,) if self.is_bypassed else ()), *missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecompiledEntry:
    """All that torch keeps of one compiled function.

    Attributes:
        key: Torch's key: a digest of the function's qualname and first line, or the name that a store was given.
        name: The function's qualified name.
        first_line: Its first line.
        device_type: The device that it needs, such as `cpu`.
        torch_version: The torch that made it.
        python_version: The Python that made it.
        codes: The function's code object first, then resume functions and what was compiled below it.
        inlined_sources: The pieces of text that torch checks before it installs the entry.
    """

    key: str
    name: str | None
    first_line: int | None
    device_type: str
    torch_version: str
    python_version: str
    codes: tuple[PrecompiledCode, ...]
    inlined_sources: tuple[InlinedSource, ...]

    @property
    def module(self) -> str | None:
        """The module of its function."""
        return self.codes[0].module if self.codes else None

    @property
    def backend_ids(self) -> tuple[str, ...]:
        """Every backend that it needs, in order."""
        return tuple(dict.fromkeys(each for code in self.codes for each in code.backend_ids))

    @property
    def problems(self) -> tuple[str, ...]:
        """Why torch will not use part of it, a sentence each."""
        return tuple(f"`{code.qualname}`: {problem}" for code in self.codes for problem in code.problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecompiledBackend:
    """One compiled graph: `kind` is the class that torch keeps it as."""

    backend_id: str
    kind: str


class Precompiled:
    """Precompile entries and the backends beside them, to be looked at; nothing is loaded for it.

    Attributes:
        entries: The entries, in torch's order.
        backends: The backends that are there, whether or not an entry needs them.
    """

    def __init__(self, entries: tuple[PrecompiledEntry, ...], backends: tuple[PrecompiledBackend, ...]) -> None:
        self.entries = entries
        self.backends = backends

    @property
    def problems(self) -> tuple[str, ...]:
        """Why torch will not use parts of it, and which backends no entry needs; a sentence each."""
        needed = {each for entry in self.entries for each in entry.backend_ids}
        idle = (each.backend_id for each in self.backends if each.backend_id not in needed)
        return (
            *(problem for entry in self.entries for problem in entry.problems),
            *(f"no entry needs backend {each}: torch does not save it" for each in idle),
        )

    def tree(self) -> Tree:
        """Return the tree: entries, in them code objects, guarded codes and backends."""
        from megacache.views.precompiled import tree_of

        return tree_of(self)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return str(self.tree()) if self.entries or self.backends else "torch's PrecompileContext is empty"

    def _repr_html_(self) -> str:
        return self.tree()._repr_html_()
