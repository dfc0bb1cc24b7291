"""Pickle machine: the stack, the marks and the memo of a pickle that is read inertly.

Layer: bundle. Stdlib only. Each opcode does what it does in Python, with a placeholder wherever Python would import or
call something.

Source: `_Unpickler` in Python's `pickle.py`, protocols 0 to 5.
"""

from __future__ import annotations

from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from megacache.bundle.placeholders import PickledDict, PickledName, PickledObject, PickledOutside, PickledSet, Value

HIGHEST_PROTOCOL = 5

_GETATTR = "builtins.getattr"


class PickleProblem(ValueError):  # noqa: N818  never leaves `inert_pickle`, which makes a named error of it
    """Say that a pickle is damaged, or beyond a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of a pickle is read before it is given up as made to harm.

    Torch's own artifacts have some 25 opcodes per kB, and are less than a hundred deep. Five million opcodes take
    seconds, and some hundred MB.

    Attributes:
        size_bytes: The longest pickle.
        opcodes: The most opcodes.
        objects: The most containers and placeholders.
        nesting: The most runs of values that have begun and not ended.
        memo: The number below which all are under which a value is remembered.
        integer_bytes: The longest integer.
        digits: The most digits of a number that is written as text.
    """

    size_bytes: int = 1 << 30
    opcodes: int = 5_000_000
    objects: int = 2_000_000
    nesting: int = 200_000
    memo: int = 5_000_000
    integer_bytes: int = 4096
    digits: int = 4096


class Machine:
    """What has been read so far.

    Args:
        limits: How much is read at most.

    Attributes:
        stack: The values of the run that began last.
        callables: The dotted names that loading would import, in order of first use. `name(...)` stands for what a call
            returned and is itself called, or looked up in.
    """

    def __init__(self, limits: Limits) -> None:
        self.stack: list[Value] = []
        self.callables: dict[str, None] = {}
        self._memo: dict[int, Value] = {}
        self._marked: list[list[Value]] = []
        self._limits = limits
        self._object_count = 0
        self._protocol = 0

    def result(self) -> Value:
        """Return what the pickle holds, at its end."""
        return self.stack[-1]

    def begin(self, version: int) -> None:
        """Take the protocol that the pickle says it is written in."""
        if version > HIGHEST_PROTOCOL:
            raise PickleProblem(f"it is of protocol {version}, and {HIGHEST_PROTOCOL} is the highest that is known")
        self._protocol = version

    def mark(self) -> None:
        """Begin a run of values."""
        if len(self._marked) >= self._limits.nesting:
            raise PickleProblem(f"more than {self._limits.nesting:,} of its runs of values have no end")
        self._marked.append(self.stack)
        self.stack = []

    def drop_marked(self) -> None:
        """Drop the run that began last."""
        self.marked()

    def marked(self) -> list[Value]:
        """End the run that began last, and return it."""
        if not self._marked:
            raise PickleProblem("it ends a run of values that did not begin")
        values, self.stack = self.stack, self._marked.pop()
        return values

    def take(self, count: int) -> tuple[Value, ...]:
        """Take the last values off the stack, in their order."""
        if len(self.stack) < count:
            raise IndexError(count)
        values = tuple(self.stack[-count:])
        del self.stack[-count:]
        return values

    def drop(self) -> None:
        """Drop the last value, or the mark where nothing came after it."""
        if self.stack:
            del self.stack[-1]
        else:
            self.marked()

    def put(self, made: Value) -> None:
        """Put a new container or placeholder on the stack."""
        self._object_count += 1
        if self._object_count > self._limits.objects:
            raise PickleProblem(f"it makes more than {self._limits.objects:,} objects")
        self.stack.append(made)

    def put_integer(self, value: int) -> None:
        """Put an integer of any length on the stack."""
        if value.bit_length() > self._limits.integer_bytes * 8:
            raise PickleProblem(f"it has an integer of more than {self._limits.integer_bytes:,} bytes")
        self.stack.append(value)

    def remember(self, number: int | None = None) -> None:
        """Remember the last value under a number, or under the next one."""
        number = len(self._memo) if number is None else number
        if not 0 <= number < self._limits.memo:
            raise PickleProblem(f"it remembers under the number {number:,}; {self._limits.memo:,} is beyond the limit")
        self._memo[number] = self.stack[-1]

    def recall(self, number: int) -> None:
        """Put on the stack what was remembered under a number."""
        if number not in self._memo:
            raise PickleProblem(f"it recalls what it remembered under the number {number}, which is nothing")
        self.stack.append(self._memo[number])

    def name(self, dotted: str) -> None:
        """Put the name of a class or function on the stack."""
        self.callables.setdefault(dotted)
        self.put(PickledName(dotted))

    def import_(self, module: Value, name: Value) -> None:
        """Put the name of what a module holds on the stack; names of Python 2 in those of Python 3, as Python does."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise PickleProblem("it imports something whose name is no text")
        if self._protocol < 3:
            renamed = NAME_MAPPING.get((module, name))
            module, name = renamed or (IMPORT_MAPPING.get(module, module), name)
        self.name(f"{module}.{name}")

    def extend_registry(self, code: int) -> None:
        """Put what the extension registry of the loading process has under a code on the stack."""
        if code <= 0:
            raise PickleProblem(f"it asks for the extension {code}, and they begin at 1")
        self.name(f"copyreg extension {code}")

    def call(self, maker: Value, arguments: Value, keywords: Value = None) -> None:
        """Put what a call would return on the stack."""
        if not isinstance(maker, (PickledName, PickledObject, PickledOutside)):
            raise PickleProblem(f"it calls a {type(maker).__name__}")
        self.callables.update(dict.fromkeys(_reached(maker, arguments)))
        self.put(PickledObject(maker, arguments, keywords))

    def give_state(self) -> None:
        """Hand the last value to the one before, as its state."""
        (state,) = self.take(1)
        target = self.stack[-1]
        if not isinstance(target, (PickledObject, PickledName)):
            raise PickleProblem(f"it hands a state to a {type(target).__name__}")
        target.state = state if target.state is None else (target.state, state)

    def extend(self, values: list[Value] | tuple[Value, ...], kind: type) -> None:
        """Add values to the last one, a list or a set."""
        target = self.stack[-1]
        if isinstance(target, list) and kind is list:
            target += values
        elif isinstance(target, PickledObject) or (isinstance(target, PickledSet) and kind is PickledSet):
            target.members += values
        else:
            raise PickleProblem(f"it adds members to a {type(target).__name__}")

    def set_items(self, values: list[Value] | tuple[Value, ...]) -> None:
        """Set items of the last value, given as keys and values in turn."""
        target = self.stack[-1]
        if isinstance(target, PickledObject):
            target = target.items
        if not isinstance(target, PickledDict):
            raise PickleProblem(f"it sets an item of a {type(target).__name__}")
        target.pairs += _in_pairs(values)


def _reached(maker: Value, arguments: Value) -> Iterator[str]:
    """Yield the name of what a call reaches that no import named: an attribute, or the result of an earlier call."""
    if isinstance(maker, PickledName) and maker.name == _GETATTR:
        owner, attribute = arguments if isinstance(arguments, tuple) and len(arguments) == 2 else (None, None)
        is_named = isinstance(owner, PickledName) and isinstance(attribute, str)
        yield f"{owner.name}.{attribute}" if is_named and isinstance(owner, PickledName) else f"{_GETATTR}(...)"
    elif isinstance(maker, PickledObject) and maker.name != _GETATTR:
        yield f"{maker.name}(...)"
    elif isinstance(maker, PickledOutside):
        yield f"{maker.what}(...)"


def _in_pairs(values: list[Value] | tuple[Value, ...]) -> zip[tuple[Value, Value]]:
    if len(values) % 2:
        raise PickleProblem("it sets an item without a value")
    return zip(values[::2], values[1::2], strict=True)


def _global(machine: Machine, argument: str) -> None:
    module, _, name = argument.partition(" ")  # pickletools joins the two lines
    machine.import_(module, name)


def _instance(machine: Machine, argument: str) -> None:
    arguments = tuple(machine.marked())
    _global(machine, argument)
    machine.call(machine.stack.pop(), arguments)


def _object(machine: Machine, _: object) -> None:
    maker, *arguments = machine.marked() or (None,)
    machine.call(maker, tuple(arguments))


def _buffer(machine: Machine, _: object) -> None:
    machine.put(PickledOutside("buffer"))


def _plain(machine: Machine, argument: Value) -> None:
    machine.stack.append(argument)


def _nothing(_machine: Machine, _argument: object) -> None:
    """Frames, the end, and that a buffer is read-only, change nothing here."""


_PLAIN = (
    *("INT", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE"),
    *("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
)

STEPS: dict[str, Callable[[Machine, Any], None]] = {
    **dict.fromkeys(_PLAIN, _plain),
    **dict.fromkeys(("FRAME", "STOP", "READONLY_BUFFER"), _nothing),
    **dict.fromkeys(("LONG", "LONG1", "LONG4"), Machine.put_integer),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), Machine.recall),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), Machine.remember),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), Machine.extend_registry),
    "PROTO": Machine.begin,
    "NONE": lambda machine, _: machine.stack.append(None),
    "NEWTRUE": lambda machine, _: machine.stack.append(True),
    "NEWFALSE": lambda machine, _: machine.stack.append(False),
    "BYTEARRAY8": lambda machine, argument: machine.put(bytes(argument)),
    "NEXT_BUFFER": _buffer,
    "MARK": lambda machine, _: machine.mark(),
    "POP": lambda machine, _: machine.drop(),
    "POP_MARK": lambda machine, _: machine.drop_marked(),
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "EMPTY_TUPLE": lambda machine, _: machine.put(()),
    "EMPTY_LIST": lambda machine, _: machine.put([]),
    "EMPTY_DICT": lambda machine, _: machine.put(PickledDict()),
    "EMPTY_SET": lambda machine, _: machine.put(PickledSet()),
    "TUPLE": lambda machine, _: machine.put(tuple(machine.marked())),
    "TUPLE1": lambda machine, _: machine.put(machine.take(1)),
    "TUPLE2": lambda machine, _: machine.put(machine.take(2)),
    "TUPLE3": lambda machine, _: machine.put(machine.take(3)),
    "LIST": lambda machine, _: machine.put(machine.marked()),
    "DICT": lambda machine, _: machine.put(PickledDict([*_in_pairs(machine.marked())])),
    "FROZENSET": lambda machine, _: machine.put(PickledSet(machine.marked())),
    "APPEND": lambda machine, _: machine.extend(machine.take(1), list),
    "APPENDS": lambda machine, _: machine.extend(machine.marked(), list),
    "ADDITEMS": lambda machine, _: machine.extend(machine.marked(), PickledSet),
    "SETITEM": lambda machine, _: machine.set_items(machine.take(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.marked()),
    "GLOBAL": _global,
    "STACK_GLOBAL": lambda machine, _: machine.import_(*machine.take(2)),
    "INST": _instance,
    "OBJ": _object,
    "REDUCE": lambda machine, _: machine.call(*machine.take(2)),
    "NEWOBJ": lambda machine, _: machine.call(*machine.take(2)),
    "NEWOBJ_EX": lambda machine, _: machine.call(*machine.take(3)),
    "BUILD": lambda machine, _: machine.give_state(),
    "PERSID": lambda machine, argument: machine.put(PickledOutside("persistent id", argument)),
    "BINPERSID": lambda machine, _: machine.put(PickledOutside("persistent id", *machine.take(1))),
}
"""What each opcode of `pickletools` does, given its argument, by its name."""
