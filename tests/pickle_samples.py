"""Pickles that are made to harm, or broken: what each is, and what its reader must say of it."""

from __future__ import annotations

import pickle
import struct
import zlib
from dataclasses import dataclass

STOP = b"."


@dataclass(frozen=True)
class Sample:
    """Some bytes; `says` is a part of the error's message, or None where they can be read.

    `runs` are the names of which loading would import or call some.
    """

    data: bytes
    says: str | None = None
    runs: tuple[str, ...] = ()


def call(module: str, name: str, *arguments: str) -> bytes:
    """Write a call with texts, in protocol 0."""
    texts = b"".join(b"V" + each.encode() + b"\n" for each in arguments)
    return f"c{module}\n{name}\n(".encode() + texts + b"tR."


def text(value: str) -> bytes:
    encoded = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(encoded)) + encoded


MARK = "executed"
TOUCH = f"touch {MARK}"

CALLS = {
    "os.system": Sample(call("os", "system", TOUCH), runs=("os.system",)),
    "posix.system": Sample(call("posix", "system", TOUCH), runs=("posix.system",)),
    "subprocess": Sample(call("subprocess", "Popen", TOUCH), runs=("subprocess.Popen",)),
    "eval": Sample(call("builtins", "eval", f"open({MARK!r}, 'w')"), runs=("builtins.eval",)),
    "exec": Sample(call("builtins", "exec", f"open({MARK!r}, 'w')"), runs=("builtins.exec",)),
    "exec of Python 2": Sample(call("__builtin__", "execfile", MARK), runs=("builtins.execfile",)),
    "getoutput of Python 2": Sample(call("commands", "getoutput", TOUCH), runs=("subprocess.getoutput",)),
    "compile": Sample(call("builtins", "compile", "1", MARK, "eval"), runs=("builtins.compile",)),
    "open for writing": Sample(call("builtins", "open", MARK, "w"), runs=("builtins.open",)),
    "import of a module": Sample(b"cantigravity\nfly\n.", runs=("antigravity.fly",)),
    "pickle in a pickle": Sample(call("pickle", "loads", "cos"), runs=("pickle.loads",)),
    "instance": Sample(b"(V" + TOUCH.encode() + b"\nios\nsystem\n.", runs=("os.system",)),
    "object": Sample(b"(cos\nsystem\nV" + TOUCH.encode() + b"\no.", runs=("os.system",)),
    "new object": Sample(b"\x80\x02cos\nsystem\nV" + TOUCH.encode() + b"\n\x85\x81.", runs=("os.system",)),
    "new object, with keywords": Sample(b"\x80\x04cos\nsystem\n)}\x92.", runs=("os.system",)),
    "computed name": Sample(b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.", runs=("os.system",)),
    "name with dots": Sample(
        b"\x80\x04" + text("torch.serialization") + text("os.system") + b"\x93\x8c\x04true\x85R.",
        runs=("torch.serialization.os.system",),
    ),
    "remembered name": Sample(
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x940h\x02\x8c\x01a\x85R.", runs=("os.system",)
    ),
    "call of what a call returns": Sample(
        b"cfunctools\npartial\n(cos\nsystem\nV" + TOUCH.encode() + b"\ntR(tR.",
        runs=("functools.partial", "os.system", "functools.partial(...)"),
    ),
    "attribute of a module": Sample(
        b"cbuiltins\ngetattr\n(cbuiltins\n__import__\n(Vos\ntRVsystem\ntR(V" + TOUCH.encode() + b"\ntR.",
        runs=("builtins.getattr", "builtins.__import__", "builtins.getattr(...)"),
    ),
    "attribute of a name": Sample(
        b"cbuiltins\ngetattr\n(cos\nenviron\nVclear\ntR)R.",
        runs=("builtins.getattr", "os.environ", "os.environ.clear"),
    ),
    "in a key of a dict": Sample(b"}" + call("os", "system", TOUCH)[:-1] + b"Ns.", runs=("os.system",)),
    "in a state": Sample(
        b"ccollections\nOrderedDict\n)R" + call("os", "system", TOUCH)[:-1] + b"b.",
        runs=("collections.OrderedDict", "os.system"),
    ),
    "dropped again": Sample(call("os", "system", TOUCH)[:-1] + b"0N.", runs=("os.system",)),
    "dropped with its run": Sample(b"(" + call("os", "system", TOUCH)[:-1] + b"1N.", runs=("os.system",)),
    "state of a class": Sample(b"cos\nsystem\n}b.", runs=("os.system",)),
    "call, then damage": Sample(call("os", "system", TOUCH)[:-1] + b"\xff", "unknown", runs=("os.system",)),
    "extension 1": Sample(b"\x80\x02\x82\x07)R.", runs=("copyreg extension 7",)),
    "extension 2": Sample(b"\x80\x02\x83\x07\x01.", runs=("copyreg extension 263",)),
    "extension 4": Sample(b"\x80\x02\x84\x07\x00\x00\x01.", runs=("copyreg extension 16777223",)),
    "extension below 1": Sample(b"\x80\x02\x84\xff\xff\xff\xff.", "they begin at 1"),
}
"""Pickles that would run something."""

DEEP = 100_000

BOMBS = {
    "nested tuples": Sample(b"\x80\x02)" + b"\x85" * DEEP + STOP),
    "nested tuples as a key": Sample(b"\x80\x02})" + b"\x85" * DEEP + b"Ns."),
    "nested tuples in a set": Sample(b"\x80\x04\x8f()" + b"\x85" * DEEP + b"\x90."),
    "nested lists": Sample(b"]" * DEEP + b"a" * (DEEP - 1) + STOP),
    "nested frozensets": Sample(b"\x80\x04" + b"(" * DEEP + b"\x91" * DEEP + STOP),
    "nested dicts": Sample(b"\x80\x02" + b"}N" * DEEP + b"}" + b"s" * DEEP + STOP),
    "nested calls": Sample(b"\x80\x02ca\nb\n" + b")R" * DEEP + STOP, runs=("a.b", "a.b(...)", "(...)")),
    "nested states": Sample(b"\x80\x02" + b"ca\nb\n" * DEEP + b"b" * (DEEP - 1) + STOP, runs=("a.b",)),
    "nested persistent ids": Sample(b"\x80\x02N" + b"Q" * DEEP + STOP),
    "lists of twice the same": Sample(b"]" + b"](h\x00h\x00e".join(b"q\x00" for _ in range(DEEP)) + STOP),
    "tuples of twice the same": Sample(b"\x80\x02)" + b"2\x86" * DEEP + STOP),
    "keys that collide": Sample(
        b"\x80\x02}("
        + b"".join(b"\x8a\x0b" + (each * (2**61 - 1)).to_bytes(11, "little") + b"N" for each in range(DEEP))
        + b"u."
    ),
    "a long integer": Sample(
        b"\x80\x02\x8b" + struct.pack("<i", 1 << 20) + b"\x7f" * (1 << 20) + STOP, "integer of more"
    ),
    "many digits": Sample(b"L" + b"9" * 200_000 + b"L\n.", "digits"),
    "many digits of an integer": Sample(b"I" + b"9" * 200_000 + b"\n.", "digits"),
    "many digits of a fraction": Sample(b"F" + b"9" * 200_000 + b"\n.", "digits"),
    "many digits to remember": Sample(b"Np" + b"9" * 200_000 + b"\n.", "digits"),
    "a high number to remember": Sample(b"\x80\x02Nr\xff\xff\xff\xff.", "remembers under"),
    "a negative number to remember": Sample(b"Np-1\n.", "remembers under"),
    "runs without end": Sample(b"(" * 300_000 + STOP, "have no end"),
    "millions of objects": Sample(b"\x80\x02(" + b"]" * 2_100_000 + b"t.", "objects"),
    "a list that holds itself": Sample(b"]q\x00h\x00a."),
    "a tuple that holds itself": Sample(b"\x80\x02]q\x00(h\x00tq\x01a0h\x01."),
    "a dict that holds itself": Sample(b"\x80\x02}q\x00Nh\x00s."),
    "a call of itself": Sample(b"\x80\x02ca\nb\n]q\x00R2q\x010h\x00h\x01a0h\x01.", runs=("a.b",)),
}
"""Pickles that would take a naive reader all memory, all time or the stack."""

BROKEN = {
    "nothing": Sample(b"", "exhausted"),
    "no pickle": Sample(b"notes", "damaged"),
    "unknown opcode": Sample(b"\x80\x04\xffN.", "unknown"),
    "only the end": Sample(STOP, "stack"),
    "protocol 255": Sample(b"\x80\xffN.", "protocol 255"),
    "protocol 6": Sample(b"\x80\x06N.", "protocol 6"),
    "no end": Sample(b"\x80\x04N", "exhausted"),
    "nothing to drop": Sample(b"0N.", "did not begin"),
    "nothing to double": Sample(b"2.", "stack"),
    "nothing to remember": Sample(b"\x94N.", "stack"),
    "nothing remembered": Sample(b"h\x07.", "recalls"),
    "nothing remembered, in text": Sample(b"gx\n.", "damaged"),
    "no mark for a tuple": Sample(b"Nt.", "did not begin"),
    "no mark for a list": Sample(b"Nl.", "did not begin"),
    "no mark for an object": Sample(b"No.", "did not begin"),
    "no mark to drop": Sample(b"N1.", "did not begin"),
    "an object of nothing": Sample(b"(o.", "calls a NoneType"),
    "a pair of one": Sample(b"\x80\x02N\x86.", "stack"),
    "a call across a mark": Sample(b"cos\nsystem\n((tR.", "stack", runs=("os.system",)),
    "a call of an integer": Sample(b"K\x01)R.", "calls a int"),
    "a new object of a text": Sample(b"\x80\x02\x8c\x01a)\x81.", "calls a str"),
    "an append to an integer": Sample(b"K\x01Na.", "adds members to a int"),
    "an append to a set": Sample(b"\x80\x04\x8fNa.", "adds members"),
    "an addition to a list": Sample(b"\x80\x04](N\x90.", "adds members to a list"),
    "an item of a list": Sample(b"]NNs.", "sets an item of a list"),
    "an item without a value": Sample(b"}(Nu.", "without a value"),
    "a dict without a value": Sample(b"(Nd.", "without a value"),
    "a state of an integer": Sample(b"K\x01}b.", "state to a int"),
    "a state of a list": Sample(b"]}b.", "state to a list"),
    "a name that is a number": Sample(b"\x80\x04K\x01\x8c\x01a\x93.", "is no text"),
    "a name that is bytes": Sample(b"\x80\x04\x8c\x01aC\x01b\x93.", "is no text"),
    "a name that is not there": Sample(b"\x80\x04\x8c\x01a\x93.", "stack"),
    "a name that is cut": Sample(b"cos\nsyst", "newline"),
    "a name that is not ASCII": Sample(b"c\xff\xfe\nx\n.", "damaged"),
    "a text of 4 GB": Sample(b"X\xff\xff\xff\xffab", "damaged"),
    "a text of 8 EB": Sample(b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fab", "damaged"),
    "bytes of 16 EB": Sample(b"\x80\x04\x8e" + b"\xff" * 8 + b"ab", "damaged"),
    "a bytearray of 8 EB": Sample(b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7fab", "damaged"),
    "an integer of 2 GB": Sample(b"\x80\x02\x8b\xff\xff\xff\x7f\x01", "damaged"),
    "an integer of a negative length": Sample(b"\x80\x02\x8b\xff\xff\xff\xff\x01", "damaged"),
    "bytes of a negative length": Sample(b"T\xff\xff\xff\xffab", "damaged"),
    "a frame of 16 EB": Sample(b"\x80\x04\x95" + b"\xff" * 8 + b"N."),
    "a text that is no UTF-8": Sample(b"\x8c\x02\xff\xfe.", "damaged"),
    "a text without quotes": Sample(b"Sabc\n.", "quotes"),
    "a text with a wrong escape": Sample(b"S'\\x'\n.", "damaged"),
    "an integer that is none": Sample(b"Iabc\n.", "damaged"),
    "a fraction that is none": Sample(b"Fabc\n.", "damaged"),
    "a text with a lone surrogate": Sample(b"\x80\x04" + text("a\ud800b") + STOP),
    "a name with a lone surrogate": Sample(
        b"\x80\x04" + text("\ud800") + text("\udfff") + b"\x93.", runs=("\ud800.\udfff",)
    ),
    "a persistent id": Sample(b"Pan id\n."),
    "a persistent id that is an object": Sample(b"\x80\x02]Q."),
    "a persistent id of nothing": Sample(b"\x80\x02Q.", "stack"),
    "call of a persistent id": Sample(b"\x80\x02Nq\x00Q)R.", runs=("persistent id(...)",)),
    "buffers": Sample(b"\x80\x05\x97\x98\x97\x86."),
    "two pickles": Sample(b"\x80\x04N." + call("os", "system", TOUCH)),
    "bytes after the end": Sample(b"\x80\x04N." + b"\xff" * 100),
    "values left on the stack": Sample(b"NNNK\x07."),
    "a protocol in the middle": Sample(b"N\x80\x020N."),
}
"""Pickles that are damaged, or odd."""

SMALL = pickle.dumps({"a": [1, 2.5, (None, b"x")], "b": {1, 2}, "c": frozenset("c"), 7: -(10**30)}, protocol=4)

PREFIXES = {f"the first {size} bytes": Sample(SMALL[:size], "") for size in range(len(SMALL))}
"""A small pickle, cut at every byte."""

PICKLES = {**CALLS, **BOMBS, **BROKEN, **PREFIXES}


def container(body: bytes, crc: int | None = None) -> bytes:
    """Write what torch writes around its artifacts."""
    data = (1).to_bytes(8) + body
    return (zlib.crc32(data) if crc is None else crc).to_bytes(4) + data


def number(value: int) -> bytes:
    return value.to_bytes(8)


CONTAINERS = {
    "nothing": b"",
    "only a header": container(b"")[:11],
    "a wrong checksum": container(b"", 7),
    "another version": (1).to_bytes(4) + (2).to_bytes(8),
    "a type of 16 EB": container(b"\xff" * 8),
    "a type that is no base64": container(number(2) + b"??" + number(1)),
    "a type that is no text": container(number(4) + b"//79" + number(1)),
    "2**64 artifacts of one": container(number(4) + b"cGdv" + b"\xff" * 8 + number(4) + b"YQ==" + number(1) + b"x"),
    "a content of 16 EB": container(number(4) + b"cGdv" + number(1) + number(4) + b"YQ==" + b"\xff" * 8 + b"x"),
    "a pickle": SMALL,
}
"""What is no container of torch's, or a broken one."""
