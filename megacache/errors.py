"""Every error that megacache raises, in one tree.

Layer: ground. Imports nothing of ours.

    MegacacheError
    ├─ TorchError                  torch is absent, unsupported, or lacks a hook that we need   .torch_version
    ├─ IncompatibleError           recorded under another system                 .mismatches
    ├─ SessionError                a session is used in the wrong order
    ├─ FrontEndError               the explorer's front end was not built        .path
    ├─ UsageError                  a wrong command, magic or option; exit code 2
    ├─ TraceError                  no log of TORCH_TRACE, or one that cannot be read (ValueError)   .path
    ├─ KeyFileError                a key, or the list of those you trust, cannot be used (ValueError)   .path
    ├─ ArtifactNotFoundError       no such artifact or content (LookupError)     .cache_key
    │  └─ EntryNotFoundError       no precompile entry of this key (RuntimeError)
    ├─ EntryRefusedError           a precompile entry not right here (RuntimeError)   .cache_key .reasons
    └─ BundleError                 .path
       ├─ BundleNotFoundError      nothing at this path (FileNotFoundError)
       ├─ NotABundleError          some other file (ValueError)
       ├─ UnsupportedVersionError  a newer format (ValueError)                   .version
       ├─ CorruptBundleError       truncated, flipped, incomplete (ValueError)   .problems
       │  └─ UnreadablePickleError  a pickle inside is damaged, or made to harm  .offset .callables
       ├─ UntrustedError           not loaded: nobody said whose it is      .reasons
       ├─ ForeignJournalError      a file beside it would change it         .journal
       ├─ BundleNotWritableError   read-only file or directory (PermissionError)
       ├─ BundleBusyError          another writer held it too long (TimeoutError)
       ├─ BundleNotLockableError   file locks do not work where it lies (OSError)   .reason
       ├─ StorageFullError         no room for the save; nothing was written (OSError)
       └─ StorageFailedError       the disk did not do what it was told (OSError)

A message says what, where, and what to do next. Facts are attributes too, and every error survives pickling.
"""


class MegacacheError(Exception):
    """Be the root of every error that megacache raises on purpose.

    Args:
        message: What happened, where, and what to do next.
        **facts: The same facts as attributes, each declared by the class.
    """

    def __init__(self, message: str = "", **facts: object) -> None:
        super().__init__(message)
        self.__dict__.update(facts)


class TorchError(MegacacheError):
    """Say that torch is absent, unsupported, or no longer has a hook that megacache needs."""

    torch_version: str = ""


class IncompatibleError(MegacacheError):
    """Say that a recording was made under another system than the live one."""

    mismatches: tuple[str, ...] = ()


class SessionError(MegacacheError):
    """Say that a session was used in the wrong order (saved before it began, nested in another)."""


class FrontEndError(MegacacheError):
    """Say that the explorer's front end is not there, since it was not built."""

    path: str = ""


class UsageError(MegacacheError):
    """Say that a command, a magic or an option is wrong; the CLI exits with 2."""


class TraceError(MegacacheError, ValueError):
    """Say that a path has no log of TORCH_TRACE, or that it cannot be read."""

    path: str = ""


class KeyFileError(MegacacheError, ValueError):
    """Say that a file holds no key, that others may read or change it, or that one is there already."""

    path: str = ""


class ArtifactNotFoundError(MegacacheError, LookupError):
    """Say that a bundle has no such artifact or content."""

    cache_key: str = ""


class EntryNotFoundError(ArtifactNotFoundError, RuntimeError):
    """Say that no precompile entry of torch's is kept under a key; a RuntimeError, as torch's own stores raise."""


class EntryRefusedError(MegacacheError, RuntimeError):
    """Say that a precompile entry of torch's is neither kept, given back nor installed, and each reason why."""

    cache_key: str = ""
    reasons: tuple[str, ...] = ()


class BundleError(MegacacheError):
    """Be the root of everything that can be wrong with one bundle file."""

    path: str = ""


class BundleNotFoundError(BundleError, FileNotFoundError):
    """Say that there is no file, or no directory to put one in, at this path."""


class NotABundleError(BundleError, ValueError):
    """Say that the file is no megacache bundle."""


class UnsupportedVersionError(BundleError, ValueError):
    """Say that the bundle was written in a newer format than this megacache reads."""

    version: int = 0


class CorruptBundleError(BundleError, ValueError):
    """Say that a bundle is damaged, and name what is."""

    problems: tuple[str, ...] = ()


class UnreadablePickleError(CorruptBundleError):
    """Say that a pickle cannot be read as data, before which byte, and what loading it would have run up to there."""

    offset: int = 0
    callables: tuple[str, ...] = ()


class UntrustedError(BundleError):
    """Say that a file is not loaded, since loading runs what is in it, and each reason to doubt whose it is."""

    reasons: tuple[str, ...] = ()


class ForeignJournalError(BundleError):
    """Say that beside a bundle lies a journal of somebody who may not write the bundle; SQLite would apply it."""

    journal: str = ""


class BundleNotWritableError(BundleError, PermissionError):
    """Say that the bundle or its directory cannot be written."""


class BundleBusyError(BundleError, TimeoutError):
    """Say that another process held the bundle for longer than we wait."""


class BundleNotLockableError(BundleError, OSError):
    """Say that nothing keeps two processes from writing a bundle at a time where it lies, and why."""

    reason: str = ""


class StorageFullError(BundleError, OSError):
    """Say that the disk is full; the bundle still holds its last good save."""


class StorageFailedError(BundleError, OSError):
    """Say that the disk failed to read, write, sync or delete; a save that did not finish is undone on opening."""
