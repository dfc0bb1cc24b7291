"""Packages: one function's precompile entry out of a bundle, installed and uninstalled while the program runs.

Layer: compiler.

Source: `CompilePackage`, `torch/_dynamo/package.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
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
from megacache.trust.gate import Examined, Trust, examined, untrusted


class Package(Precompiled):
    """One function's precompile entry in a bundle; make it with `Bundle.package`.

    To look at it reads the pickle as data. `install` runs it.
    """

    def __init__(
        self, function: Any, stored: StoredEntry, source: Examined, where: str, *, trust: Trust, trust_unknown: bool
    ) -> None:
        self._function = function
        self._stored = stored
        self._recording = source.recording
        self._doubts = source.reasons
        self._trust = trust
        self._where = where
        self._trusts_unknown = trust_unknown
        self._installed: Installed | None = None
        entry, backends = read_entry(stored.artifact.cache_key, source.recording.read(stored.artifact.content_sha256))
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
        """Why `install` would refuse it, a sentence each, as far as can be told without running its pickle.

        Whether the file is trusted is another question, which comes first.
        """
        trusts = self._trusts_unknown
        by_rows = row_refusals(self._stored, self._recording, live_system(), trust_unknown=trusts)
        return by_rows or proof_refusals(
            self._stored, self._recording, self.entry, self._function, trust_unknown=trusts
        )

    def install(self) -> None:
        """Let torch run what is stored instead of compiling; from the next call of the compiled function on.

        This runs the pickle, so the bundle has to be trusted. Before, it is proven that the entry is right
        here: same system and options; same code of the function, of what it inlined and of what it calls by name. Torch
        keeps no guard on identities in such an entry: after you rebind a helper, `uninstall` it. A second call does
        nothing.

        Raises:
            UntrustedError: When the bundle is not the user's own, and nobody who is trusted signed it.
            EntryRefusedError: When that cannot be proven, or torch refuses it; then nothing is installed.
        """
        if self._installed is not None:
            return
        if self._doubts:
            raise untrusted(self._where, self._doubts, self._trust)
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
    path: Path, function: Callable[..., Any], *, key: str | None, trust: Trust, trust_unknown: bool
) -> Package:
    """Return one function's entry; see `Bundle.package`.

    Args:
        path: The bundle.
        function: The function, a compiled one, or a module.
        key: The name that a store was given; None means torch's own key of the function.
        trust: Whom the caller trusts.
        trust_unknown: Let `install` take also an entry of which nobody noted where or of what it was made.

    Raises:
        EntryNotFoundError: When there is none.
        UsageError: When there is no Python code in the function.
        KeyFileError: When what `trust` names is no public key.
        BundleError: When the bundle or the entry cannot be read; see `errors`.
        TorchError: When torch is absent or lacks a name that we need.
    """
    plain = innermost(function)
    wanted = key_of(function) if key is None else key
    where = str(path)
    with examined(path, trust) as source:
        try:
            stored = right_entry(source.recording, wanted, live_system(), where=where, trust_unknown=trust_unknown)
        except EntryRefusedError:
            stored = entries_of(source.recording, wanted)[0]  # to be looked at
        return Package(plain, stored, source, where, trust=trust, trust_unknown=trust_unknown)
