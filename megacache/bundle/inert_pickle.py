"""Inert pickle: read a pickle as data. Nothing is imported, nothing is called.

Layer: bundle. Stdlib only. Python's `pickletools` takes the bytes apart into opcodes, as it does to print them, and
`pickle_machine` does with them what `pickle` would, with placeholders for all that would have to be imported or called.
So what is read is what loading would see, and `callables` what it would run.
"""

from __future__ import annotations

import io
import pickletools
from dataclasses import dataclass

from megacache.bundle.pickle_machine import STEPS, Limits, Machine, PickleProblem
from megacache.bundle.placeholders import Value
from megacache.errors import UnreadablePickleError

_NUMBERS_AS_TEXT = (b"I", b"L", b"F", b"g", b"p")
"""The opcodes that are followed by a number in decimal digits."""


@dataclass(frozen=True, slots=True)
class Pickled:
    """What a pickle holds.

    Attributes:
        value: Plain data and placeholders.
        callables: The dotted names that loading it would import or call, in order of first use; `name(...)` is what a
            call returned, where that is called itself.
        size_bytes: Where it ends. Python reads no further; bytes may follow.
    """

    value: Value
    callables: tuple[str, ...]
    size_bytes: int


def read_pickle(content: bytes, limits: Limits | None = None) -> Pickled:
    """Read a pickle as data.

    Args:
        content: The pickle, of protocol 0 to 5; what follows its end is not read, as Python does not.
        limits: How much is read at most.

    Returns:
        What it holds.

    Raises:
        UnreadablePickleError: When it is no pickle, damaged, or beyond a limit.
    """
    limits = limits or Limits()
    machine = Machine(limits)
    source = _Source(content, limits.digits)
    try:
        if len(content) > limits.size_bytes:
            raise PickleProblem(f"it is longer than {limits.size_bytes:,} bytes")
        for number, (opcode, argument, _) in enumerate(pickletools.genops(source)):
            if number >= limits.opcodes:
                raise PickleProblem(f"it has more than {limits.opcodes:,} opcodes")
            STEPS[opcode.name](machine, argument)
        return Pickled(machine.result(), tuple(machine.callables), source.tell())
    except IndexError:
        raise _unreadable("it takes more from its stack than it put there", source, machine) from None
    except (ValueError, Warning) as error:  # a warning is raised, of a wrong escape, where Python is told to
        raise _unreadable(str(error), source, machine) from None


class _Source(io.BytesIO):
    """The bytes, without lines that it would take long to make a number of."""

    def __init__(self, content: bytes, digits: int) -> None:
        super().__init__(content)
        self._digits = digits

    def readline(self, size: int | None = -1) -> bytes:
        start = self.tell()
        line = super().readline(size)
        if len(line) > self._digits and bytes(self.getbuffer()[start - 1 : start]) in _NUMBERS_AS_TEXT:
            raise PickleProblem(f"it has a number of more than {self._digits:,} digits")
        return line


def _unreadable(problem: str, source: io.BytesIO, machine: Machine) -> UnreadablePickleError:
    printable = ascii(problem[:200])[1:-1]
    return UnreadablePickleError(
        f"this pickle is damaged before byte {source.tell():,}: {printable}; do not load it, save the artifacts again",
        problems=(printable,),
        offset=source.tell(),
        callables=tuple(machine.callables),
    )
