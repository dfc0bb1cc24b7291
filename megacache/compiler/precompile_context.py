"""PrecompileContext: what torch's global list of precompile entries holds now, to be looked at, saved and given back.

Layer: compiler.

Source: `PrecompileContext` in `torch/_dynamo/precompile_context.py`, `PrecompileCacheEntry.from_cache_entry` and
`PrecompileCacheArtifact` in `torch/_dynamo/package.py`; 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from megacache.bundle import Bundle, SaveReport
from megacache.bundle.exchange import imported
from megacache.bundle.torch_format import TorchArtifact, write_artifacts
from megacache.compiler import versions
from megacache.compiler.entry_pickles import pickled
from megacache.compiler.entry_view import entry_view
from megacache.compiler.entry_writer import EntryWriter
from megacache.compiler.functions import key_of
from megacache.compiler.precompile_entries import PRECOMPILE
from megacache.errors import EntryNotFoundError
from megacache.precompiled import Precompiled, PrecompiledBackend, PrecompiledEntry
from megacache.report import LoadReport
from megacache.trust.gate import Trust, check_bytes, trusted

_NAME = "PrecompileContext"


class PrecompileContext(Precompiled):
    """What torch's own `PrecompileContext` held when it was looked at; make it with `current()`.

    Torch fills it while `torch._dynamo.config.caching_precompile` is on, and through its `DynamoStore`s. To look
    copies, pickles and records nothing. What torch would leave out when it saves is named in `problems`.
    """

    @classmethod
    def current(cls) -> PrecompileContext:
        """Look at what torch holds now.

        Raises:
            TorchError: When torch is absent or lacks a name that we need.
        """
        entries, backends = _live()
        return cls(
            tuple(entry_view(key, entry, backends.keys()) for key, entry in entries.items()),
            tuple(
                PrecompiledBackend(backend_id=str(backend_id), kind=type(artifact).__name__)
                for backend_id, artifact in backends.items()
            ),
        )

    def entry(self, key: str | Callable[..., Any]) -> PrecompiledEntry:
        """Return the entry of one function.

        Args:
            key: Torch's key, or the function.

        Raises:
            EntryNotFoundError: When there is none.
        """
        wanted = key if isinstance(key, str) else key_of(key)
        for each in self.entries:
            if each.key == wanted:
                return each
        raise _missing(wanted)

    def serialize(self, key: str | Callable[..., Any] | None = None) -> bytes:
        """Pickle entries with the backends that they need, as torch's own cache artifacts.

        What torch holds now is taken, with what was added since this was looked at. A code object whose backend is
        missing is marked as bypassed in what is written, as torch does; torch's own entry is left as it is.

        Args:
            key: Torch's key, or the function, of one entry; None means all.

        Returns:
            Torch's own container, which plain `torch.compiler.load_cache_artifacts` takes.

        Raises:
            EntryNotFoundError: When there is no such entry, or none at all.
            EntryRefusedError: When torch cannot pickle one.
        """
        return write_artifacts(TorchArtifact(PRECOMPILE, *each) for each in _contents(key).items())

    def save(self, path: str | os.PathLike[str], key: str | Callable[..., Any] | None = None) -> SaveReport:
        """Save entries into a bundle, with what made them; see `serialize`.

        Args:
            path: The bundle; what it already holds stays in it.
            key: Torch's key, or the function, of one entry; None means all.

        Raises:
            EntryNotFoundError: When there is no such entry, or none at all.
            EntryRefusedError: When torch cannot pickle one.
            BundleError: When the bundle cannot be written; see `errors`.
        """
        from megacache.compiler.package_watch import WATCH

        contents = _contents(key)
        return EntryWriter(Path(path), _NAME).write(contents, {each: WATCH.components_at(each) for each in contents})

    @staticmethod
    def populate_caches(
        data: bytes | str | os.PathLike[str] | Bundle,
        key: str | Callable[..., Any] | None = None,
        *,
        trust: Trust = None,
        trust_unknown: bool = False,
    ) -> LoadReport:
        """Put entries back into torch's own cache directory, where `caching_precompile` finds them.

        From there torch serves them by its own rules, which do not look at the code of a notebook's helpers. To be
        served by what megacache proves, use `Bundle.package` or `megacache.load`.

        Args:
            data: What `serialize` returned, or a bundle or its path.
            key: Torch's key, or the function, of one entry; None means all.
            trust: Whom you trust, as `megacache.load` takes it. Bytes do not tell whose they are: they need True.
            trust_unknown: Take also what came from torch's own container, as all that `serialize` returned: it does not
                say on which CPU and with which options it was compiled.

        Returns:
            A verdict per entry: `loaded`, `refused` with the reason, or `unused` where a newer one is loaded.

        Raises:
            UntrustedError: When the bundle is not the user's own, and nobody who is trusted signed it.
            KeyFileError: When what `trust` names is no public key.
            BundleError: When the data or the bundle cannot be read; see `errors`.
            TorchError: When torch is absent or refuses what it was given.
        """
        from megacache.compiler.populate import populated

        versions.check()
        wanted = key if key is None or isinstance(key, str) else key_of(key)
        if not isinstance(data, bytes):
            with trusted(data.path if isinstance(data, Bundle) else data, trust) as recording:
                return populated(recording, wanted, trust_unknown=trust_unknown)
        from megacache import __version__

        recording, contents = imported(data, __version__)
        check_bytes("the precompile entries", trust)
        return populated(replace(recording, read=contents.__getitem__), wanted, trust_unknown=trust_unknown)


def _live() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return torch's entries and backends by their names; the objects are torch's own."""
    versions.check()
    from torch._dynamo.precompile_context import PrecompileContext as Torchs

    backends = {str(backend_id): each for backend_id, each in Torchs._backend_artifacts_by_key.items()}
    return dict(Torchs._dynamo_cache_entries), backends


def _contents(key: str | Callable[..., Any] | None) -> dict[str, bytes]:
    entries, backends = _live()
    if key is not None:
        wanted = key if isinstance(key, str) else key_of(key)
        if wanted not in entries:
            raise _missing(wanted)
        entries = {wanted: entries[wanted]}
    if not entries:
        raise EntryNotFoundError(
            "torch's PrecompileContext is empty: compile with torch._dynamo.config.caching_precompile on"
        )
    return {each: pickled(_stitched(entry, backends), each) for each, entry in entries.items()}


def _stitched(entry: Any, backends: dict[str, Any]) -> Any:
    """Put an entry together with its backends, as torch does when it saves, without a change to torch's own."""
    from torch._dynamo.package import PrecompileCacheEntry

    codes = [
        each if all(backend_id in backends for backend_id in each.backend_ids) else replace(each, bypassed=True)
        for each in entry.codes
    ]
    needed = {each: backends[each] for code in codes for each in code.backend_ids if each in backends}
    return PrecompileCacheEntry(dynamo=replace(entry, codes=codes), backends=needed)


def _missing(key: str) -> EntryNotFoundError:
    message = (
        f"torch's PrecompileContext has no entry {key[:16]!r}: compile the function with caching_precompile on first"
    )
    return EntryNotFoundError(message, cache_key=key)
