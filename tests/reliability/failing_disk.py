"""Failing disk: SQLite's own way to files, in which each write, sync, truncation and deletion is noted and can fail.

SQLite reaches every file through a table of functions, its VFS. This one is a copy of the VFS for Unix, registered as
the default of the process, so that `sqlite3.connect` uses it. Files are opened by the real one; then four functions of
each are ours, which do what they are asked through the real ones, unless it is their turn to fail. The library is the
very one that Python's `sqlite3` uses. Since all of the process goes through it, it belongs into a process of its own.

That a directory is synced shows in no function of the VFS: it is seen where SQLite opens the directory for it.

Source: `sqlite3_vfs` and `sqlite3_io_methods` of sqlite3.h; `unixSync` and `unixDelete` of os_unix.c; SQLite 3.40.1.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int64, c_void_p
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_OK = 0
_OPEN_CREATE, _OPEN_TEMPORARY = 0x4, 0x8 | 0x200 | 0x400 | 0x1000 | 0x2000
"""Flags of `xOpen`. The second: deleted when closed; what is nobody's, such as the copy that VACUUM makes."""

_FILE = CFUNCTYPE(c_int, c_void_p)
_WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)
_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_DELETE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_SET_CALL = CFUNCTYPE(c_int, c_void_p, c_char_p, c_void_p)
_GET_CALL = CFUNCTYPE(c_void_p, c_void_p, c_char_p)
_OPEN_DIRECTORY = CFUNCTYPE(c_int, c_char_p, c_void_p)


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("iVersion", c_int),
        ("szOsFile", c_int),
        ("mxPathname", c_int),
        ("pNext", c_void_p),
        ("zName", c_char_p),
        ("pAppData", c_void_p),
        ("xOpen", c_void_p),
        ("xDelete", c_void_p),
        *((name, c_void_p) for name in ("xAccess", "xFullPathname", "xDlOpen", "xDlError", "xDlSym", "xDlClose")),
        *((name, c_void_p) for name in ("xRandomness", "xSleep", "xCurrentTime", "xGetLastError")),
        ("xCurrentTimeInt64", c_void_p),
        ("xSetSystemCall", c_void_p),
        ("xGetSystemCall", c_void_p),
        ("xNextSystemCall", c_void_p),
    )


class _Methods(ctypes.Structure):
    _fields_ = (
        ("iVersion", c_int),
        *((name, c_void_p) for name in ("xClose", "xRead", "xWrite", "xTruncate", "xSync", "xFileSize")),
        *((name, c_void_p) for name in ("xLock", "xUnlock", "xCheckReservedLock", "xFileControl", "xSectorSize")),
        *((name, c_void_p) for name in ("xDeviceCharacteristics", "xShmMap", "xShmLock", "xShmBarrier", "xShmUnmap")),
        *((name, c_void_p) for name in ("xFetch", "xUnfetch")),
    )


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that SQLite asked of the disk.

    Attributes:
        kind: `create`, `write`, `truncate`, `sync`, `delete` or `sync directory`.
        path: The file, or the directory; empty for a file that is gone when it is closed.
        offset: Of a write; of a truncation the new size.
        data: Of a write.
    """

    kind: str
    path: str
    offset: int = 0
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which an operation fails.

    Attributes:
        name: For people.
        kind: Of the operations that can fail so.
        code: What SQLite is told.
        share: How much of the operation is done all the same.
    """

    name: str
    kind: str
    code: int
    share: float = 0.0


FAULTS = (
    Fault("no file", "create", 14),
    Fault("write error", "write", 10 | 3 << 8),
    Fault("full", "write", 13),
    Fault("short write", "write", 13, share=0.5),
    Fault("truncate error", "truncate", 10 | 6 << 8),
    Fault("sync error", "sync", 10 | 4 << 8),
    Fault("delete error", "delete", 10 | 10 << 8),
    Fault("directory sync error", "delete", 10 | 5 << 8, share=1.0),
)
"""SQLITE_CANTOPEN, IOERR_WRITE, FULL, IOERR_TRUNCATE, IOERR_FSYNC, IOERR_DELETE, IOERR_DIR_FSYNC."""


class FailingDisk:
    """The default VFS of this process, as long as the block lasts.

    Attributes:
        operations: What was asked for since the last `begin`.
        has_failed: Whether something has failed since then.
    """

    def __init__(self) -> None:
        import _sqlite3

        self._library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
        self._library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        self._real = self._library.sqlite3_vfs_find(None).contents
        self._vfs = _Vfs.from_buffer_copy(self._real)
        self._vfs.zName = b"failing"
        self._open, self._delete = _OPEN(self._real.xOpen), _DELETE(self._real.xDelete)
        self._directory = _GET_CALL(self._real.xGetSystemCall)(ctypes.addressof(self._real), b"openDirectory")
        self._ours = {
            "xOpen": _OPEN(self._on_open),
            "xDelete": _DELETE(self._on_delete),
            "xClose": _FILE(self._on_close),
            "xWrite": _WRITE(self._on_write),
            "xTruncate": _TRUNCATE(self._on_truncate),
            "xSync": _SYNC(self._on_sync),
            "openDirectory": _OPEN_DIRECTORY(self._on_open_directory),
        }
        for name in ("xOpen", "xDelete"):
            setattr(self._vfs, name, ctypes.cast(self._ours[name], c_void_p))
        self._methods: dict[int, _Methods] = {}
        self._files: dict[int, tuple[str, _Methods]] = {}
        self.begin()

    def __enter__(self) -> Self:
        assert self._library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1) == _OK
        self._set_directory_call(ctypes.cast(self._ours["openDirectory"], c_void_p))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert not self._files, f"still open: {self._files}"
        self._set_directory_call(self._directory)
        self._library.sqlite3_vfs_register(ctypes.byref(self._real), 1)
        self._library.sqlite3_vfs_unregister(ctypes.byref(self._vfs))

    def begin(self, fault: Fault | None = None, at: int = 0, *, is_lasting: bool = False) -> None:
        """Forget what was noted, and choose what will fail.

        Args:
            fault: How; None lets everything work.
            at: The operation, counted from here on; it has to be of the fault's kind.
            is_lasting: Whether the disk is gone from there on: every later operation fails, too.
        """
        self.operations: list[Operation] = []
        self.has_failed = False
        self._fault, self._at, self._is_lasting = fault, at, is_lasting

    def _failing(self, operation: Operation) -> Fault | None:
        """Note an operation, and return how it fails."""
        number = len(self.operations)
        self.operations.append(operation)
        if self._fault is None or number < self._at or operation.kind == "sync directory":
            return None
        if number == self._at:
            self.has_failed = self._fault.kind == operation.kind
            return self._fault if self.has_failed else None
        return next(each for each in FAULTS if each.kind == operation.kind) if self._is_lasting else None

    def _on_open(self, vfs: int, name: int | None, file: int, flags: int, out_flags: int) -> int:
        # SQLite keeps the address of the name, so that is what the real one has to be given.
        is_temporary = name is None or bool(flags & _OPEN_TEMPORARY)
        path = "" if is_temporary else os.fsdecode(ctypes.string_at(name))
        if not is_temporary and flags & _OPEN_CREATE and not os.path.lexists(path):
            fault = self._failing(Operation("create", path))
            if fault is not None:
                return fault.code
        code = int(self._open(vfs, name, file, flags, out_flags))
        # The first word of every `sqlite3_file` points to its methods; it is null where the file could not be opened.
        methods = ctypes.cast(file, POINTER(c_void_p))
        real = methods[0]
        if code == _OK and real:
            self._files[file] = path, _Methods.from_address(real)
            methods[0] = ctypes.addressof(self._replaced(real))
        return code

    def _replaced(self, real: int) -> _Methods:
        """Return a copy of the methods of a file, with ours among them."""
        if real not in self._methods:
            copy = _Methods.from_buffer_copy(_Methods.from_address(real))
            for name in ("xClose", "xWrite", "xTruncate", "xSync"):
                setattr(copy, name, ctypes.cast(self._ours[name], c_void_p))
            self._methods[real] = copy
        return self._methods[real]

    def _on_close(self, file: int) -> int:
        _, real = self._files.pop(file)
        return int(_FILE(real.xClose)(file))

    def _on_write(self, file: int, data: int, size_bytes: int, offset: int) -> int:
        path, real = self._files[file]
        fault = self._failing(Operation("write", path, offset, ctypes.string_at(data, size_bytes)))
        if fault is None:
            return int(_WRITE(real.xWrite)(file, data, size_bytes, offset))
        if fault.share:
            _WRITE(real.xWrite)(file, data, int(size_bytes * fault.share), offset)
        return fault.code

    def _on_truncate(self, file: int, size_bytes: int) -> int:
        path, real = self._files[file]
        fault = self._failing(Operation("truncate", path, size_bytes))
        return int(_TRUNCATE(real.xTruncate)(file, size_bytes)) if fault is None else fault.code

    def _on_sync(self, file: int, flags: int) -> int:
        path, real = self._files[file]
        fault = self._failing(Operation("sync", path))
        return int(_SYNC(real.xSync)(file, flags)) if fault is None else fault.code

    def _on_delete(self, vfs: int, name: bytes, sync_directory: int) -> int:
        fault = self._failing(Operation("delete", os.fsdecode(name)))
        if fault is None:
            return int(self._delete(vfs, name, sync_directory))
        if fault.share:
            self._delete(vfs, name, 0)
        return fault.code

    def _on_open_directory(self, name: bytes, descriptor: int) -> int:
        """Note that a directory is synced: for nothing else does SQLite open one."""
        self._failing(Operation("sync directory", os.path.dirname(os.fsdecode(name))))  # noqa: PTH120  As SQLite cuts it.
        return int(_OPEN_DIRECTORY(self._directory)(name, descriptor))

    def _set_directory_call(self, function: c_void_p | int) -> None:
        call = _SET_CALL(self._real.xSetSystemCall)
        assert call(ctypes.addressof(self._real), b"openDirectory", function) == _OK
