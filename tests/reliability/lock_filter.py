"""Lock filter: what a file system without working locks answers, by the kernel's own hand.

A filter of system calls makes the kernel answer `fcntl` in the place of the file system, for this process and all that
it starts, until it ends. It belongs into a process of its own. Asking who holds a lock stays as it is.

Source: `seccomp(2)`; linux/seccomp.h, filter.h and audit.h.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import struct
from collections.abc import Collection

POSIX_LOCKS = (fcntl.F_SETLK, fcntl.F_SETLKW)
OPEN_FILE_LOCKS = (fcntl.F_OFD_SETLK, fcntl.F_OFD_SETLKW)

_NO_NEW_PRIVILEGES, _SET_FILTER, _FILTER_MODE = 38, 22, 2
_ALLOW, _ANSWER = 0x7FFF0000, 0x00050000
_LOAD, _EQUALS, _RETURN = 0x20, 0x15, 0x06
_CALL, _MACHINE, _COMMAND = 0, 4, 24
"""Where the filter finds the number of the call, the machine, and the second argument, on little-endian machines."""

_FCNTL = {"x86_64": (0xC000003E, 72), "aarch64": (0xC00000B7, 25)}
"""By machine, its name for the kernel and the number of `fcntl` there."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def answer_locks(number: int, commands: Collection[int] = (*POSIX_LOCKS, *OPEN_FILE_LOCKS)) -> None:
    """Let the kernel answer every request for a lock from now on.

    Args:
        number: The error; 0 says that the lock was granted, and does nothing.
        commands: The requests.
    """
    machine, call = _FCNTL[platform.machine()]
    rest = len(commands)
    program = [
        (_LOAD, 0, 0, _MACHINE),
        (_EQUALS, 0, rest + 3, machine),
        (_LOAD, 0, 0, _CALL),
        (_EQUALS, 0, rest + 1, call),
        (_LOAD, 0, 0, _COMMAND),
        *((_EQUALS, rest - place, 0, command) for place, command in enumerate(commands)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ANSWER | number),
    ]
    instructions = b"".join(struct.pack("HBBI", *each) for each in program)
    prepared = _Program(len(program), instructions)
    control = ctypes.CDLL(None, use_errno=True).prctl
    for given in ((_NO_NEW_PRIVILEGES, 1, 0, 0, 0), (_SET_FILTER, _FILTER_MODE, ctypes.byref(prepared), 0, 0)):
        if control(*given):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
