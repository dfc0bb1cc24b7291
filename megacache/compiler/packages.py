"""Packages: one function's precompile entry out of a bundle, installed and uninstalled while the program runs.

Layer: compiler.

Source: `CompilePackage`, `torch/_dynamo/package.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from megacache.bundle.precompiled_pickle import read_entry
from megacache.compiler.entry_pickles import unpickled
from megacache.compiler.functions import innermost, key_of
from megacache.compiler.installing import Installed, install
from megacache.compiler.package_proof import code_refusals, proof_refusals
from megacache.compiler.precompile_entries import StoredEntry, entries_of, refused, right_entry, row_refusals
from megacache.compiler.system import live_system
from megacache.errors import EntryRefusedError
from megacache.precompiled import Precompiled, PrecompiledEntry
from megacache.recording import Recording


class Package(Precompiled):
    """One function's precompile entry in a bundle; make it with `Bundle.package`.

    To look at it reads the pickle as data. `install` runs it.
    """

    def __init__(
        self, function: Any, stored: StoredEntry, recording: Recording, where: str, *, trust_unknown: bool
    ) -> None:
        self._function = function
        self._stored = stored
        self._recording = recording
        self._where = where
        self._trusts_unknown = trust_unknown
        self._installed: Installed | None = None
        entry, backends = read_entry(stored.artifact.cache_key, recording.read(stored.artifact.content_sha256))
        super().__init__((entry,), backends)

    def __repr__(self) -> str:
        return f"<megacache package of {self.entry.module}.{self.entry.name} in {self._where}>"

    @property
    def entry(self) -> PrecompiledEntry:
        """The entry: code objects with their guarded codes, import sources and backends, and inlined sources."""
        return self.entries[0]

    @property
    def is_installed(self) -> bool:
        """Say whether it is installed now."""
        return self._installed is not None

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why `install` would refuse it, a sentence each, as far as can be told without running its pickle."""
        trusts = self._trusts_unknown
        by_rows = row_refusals(self._stored, self._recording, live_system(), trust_unknown=trusts)
        return by_rows or proof_refusals(
            self._stored, self._recording, self.entry, self._function, trust_unknown=trusts
        )

    def install(self) -> None:
        """Let torch run what is stored instead of compiling; from the next call of the compiled function on.

        This runs the pickle: install only from bundles that you trust. Before, it is proven that the entry is right
        here: same system and options; same code of the function, of what it inlined and of what it calls by name. Torch
        keeps no guard on identities in such an entry: after you rebind a helper, `uninstall` it. A second call does
        nothing.

        Raises:
            EntryRefusedError: When that cannot be proven, or torch refuses it; then nothing is installed.
        """
        if self._installed is not None:
            return
        self._check(self.refusals)
        key = self.entry.key
        entry = unpickled(self._recording.read(self._stored.artifact.content_sha256), key, self._where)
        self._check(code_refusals(entry.dynamo, self._function))
        try:
            self._installed = install(self._function, entry)
        except EntryRefusedError:
            raise
        except Exception as error:  # Torch raises what it likes, and so does what it loads.
            raise refused(key, self._where, (f"torch cannot install it: {type(error).__name__}: {error}",)) from error

    def uninstall(self) -> None:
        """Take it back; the function is compiled again when it is called. Without an install it does nothing."""
        if self._installed is not None:
            self._installed.undo()
            self._installed = None

    def _check(self, reasons: tuple[str, ...]) -> None:
        if reasons:
            raise refused(self.entry.key, self._where, reasons)


def package_of(
    recording: Recording, where: str, function: Callable[..., Any], *, key: str | None, trust_unknown: bool
) -> Package:
    """Return one function's entry; see `Bundle.package`.

    Args:
        recording: The rows, with their contents at hand.
        where: Where they are from, named in messages.
        function: The function, a compiled one, or a module.
        key: The name that a store was given; None means torch's own key of the function.
        trust_unknown: Let `install` take also an entry of which nobody noted where or of what it was made.

    Raises:
        EntryNotFoundError: When there is none.
        UsageError: When there is no Python code in the function.
        UnreadablePickleError: When the entry cannot be read.
        TorchError: When torch is absent or lacks a name that we need.
    """
    plain = innermost(function)
    wanted = key_of(function) if key is None else key
    try:
        stored = right_entry(recording, wanted, live_system(), where=where, trust_unknown=trust_unknown)
    except EntryRefusedError:
        stored = entries_of(recording, wanted)[0]  # to be looked at
    return Package(plain, stored, recording, where, trust_unknown=trust_unknown)
