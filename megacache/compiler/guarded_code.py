"""Guarded code: the stored form of one variant that Dynamo compiled, with all that must be true before it may run.

Layer: compiler, but needs no torch. A content is one line of JSON that anybody may read, then the part that is only
loaded: bytecode (by `marshal`) and the sources of the guards (torch's objects, pickled).
"""

from __future__ import annotations

import hashlib
import json
import marshal
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import CodeType
from typing import Any, TypeVar

from megacache.compiler.codes import RESUME_NAME
from megacache.compiler.content import UnprovableError, codes_in
from megacache.errors import CorruptBundleError

Kind = TypeVar("Kind")

FORMAT = 2
"""The version of the content; another one is never loaded."""

_NAME_KINDS = frozenset({"backend", "builtins", "constant", "module", "resume"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What must be true before a guarded code may run, readable without loading anything.

    `module`, `qualname` and `digest` tell the code object. `backend` is the compiler with its own options, `config` the
    options of torch that differ from their defaults, `config_digest` covers all of them. `distributed` tells torch's
    process groups, and is empty without any. `proofs` are the lines of the guards (see `replay`), `needs` what was
    inlined or called and has no guard, as (kind, name, digest; see `needs`). `aot_key` and `aot_sha256` name the AOT
    artifact that holds the compiled graph; both are None where there is no graph, or where the body holds an entry of
    its own.
    """

    module: str
    qualname: str
    digest: str
    filename: str
    first_line: int
    backend: str
    config: Mapping[str, str]
    config_digest: str
    distributed: Mapping[str, str]
    proofs: tuple[str, ...]
    needs: tuple[tuple[str, str, str], ...]
    aot_key: str | None
    aot_sha256: str | None

    @property
    def key(self) -> str:
        """The cache key: the same for the same variant, whenever it was compiled."""
        told = (self.backend, self.config_digest, sorted(self.distributed.items()), self.proofs, self.needs)
        variant = hashlib.sha256(repr(told).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return f"{family_of(self.module, self.qualname, self.digest)}-{variant}"


@dataclass(frozen=True, slots=True)
class Name:
    """One name that the bytecode reads from its globals and that Dynamo put there.

    `kind` is `backend`, `builtins`, `constant` (`value` is its module and qualname; the placeholder stands among the
    constants), `module` (`value` is its name) or `resume` (`code` is the function's, `value` its module).
    """

    placeholder: str
    kind: str
    value: str = ""
    code: CodeType | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """What is run: the bytecode, the names it needs, and the guards as `guard_state.GuardState.dump` wrote them.

    `forward` is an AOT entry of its own, where torch keeps none (see `lazy_backward`).
    """

    code: CodeType
    names: tuple[Name, ...]
    guards: bytes
    forward: bytes | None = None


def family_of(module: str, qualname: str, digest: str) -> str:
    """Return the beginning of the keys of all variants of one code object; a resume function's line does not count."""
    return f"{place_of(module, qualname)}@{digest[:16]}"


def place_of(module: str, qualname: str) -> str:
    """Return the beginning of the keys of all code objects of one name."""
    resume = RESUME_NAME.match(qualname)
    return f"{module}:{'resume in ' + resume['function'] if resume else qualname}"


def family_in(key: str) -> str:
    """Return the family that a key belongs to."""
    return key.rpartition("-")[0]


def encode(facts: Facts, body: Body) -> bytes:
    """Return the content.

    Raises:
        UnprovableError: When the bytecode holds a constant that cannot be written.
    """
    head = json.dumps({"format": FORMAT, **asdict(facts)}, separators=(",", ":"), sort_keys=True)
    names = [(each.placeholder, each.kind, each.value, each.code) for each in body.names]
    try:
        tail = marshal.dumps((body.code, names, body.guards, body.forward))
    except ValueError as error:
        raise UnprovableError("its bytecode holds a constant that cannot be written") from error
    return head.encode("utf-8", "surrogatepass") + b"\n" + tail


def facts_of(content: bytes) -> Facts:
    """Read what must be true; nothing is loaded.

    Raises:
        CorruptBundleError: When the content is damaged, of another format, or demands what this version does not know.
    """
    try:
        head = json.loads(content.partition(b"\n")[0].decode("utf-8", "surrogatepass"))
        version = head.pop("format")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(error) from error
    if type(version) is not int or version != FORMAT:
        raise CorruptBundleError("a guarded code of another format: compile it again and save")
    try:
        return _facts_in(head)
    except (TypeError, ValueError) as error:
        raise _damaged(error) from error


def body_of(content: bytes) -> Body:
    """Load what is run. Only for content that was decided to be loaded: what it holds will run.

    Raises:
        CorruptBundleError: When the content is damaged.
    """
    try:
        code, names, guards, forward = marshal.loads(content.partition(b"\n")[2])  # noqa: S302  The caller decided.
        names = tuple(_name(*each) for each in names)
        return Body(_is(CodeType, code), names, _is(bytes, guards), _or_none(bytes, forward))
    except Exception as error:  # marshal raises what it likes for bytes that it did not write
        raise _damaged(error) from error


def names_in(code: CodeType) -> dict[str, None]:
    """Return every name that a code object or one inside it reads, each once, in order."""
    return dict.fromkeys(name for each in codes_in(code) for name in each.co_names)


def renamed(code: CodeType, names: Mapping[str, str]) -> CodeType:
    """Return the code object with some of the names that it reads replaced."""
    return code.replace(
        co_names=tuple(names.get(name, name) for name in code.co_names),
        co_consts=tuple(renamed(each, names) if isinstance(each, CodeType) else each for each in code.co_consts),
    )


def _damaged(error: Exception) -> CorruptBundleError:
    return CorruptBundleError(f"a guarded code is damaged: {error}; compile it again and save")


# -- reading: each value is of the type that it should be


def _facts_in(head: dict[str, Any]) -> Facts:
    # A fact that is not known here may be a demand that nobody would check.
    if head.keys() != _READERS.keys():
        raise ValueError(f"its facts are {', '.join(sorted(head))}")
    return Facts(**{name: read(head[name]) for name, read in _READERS.items()})


def _is(kind: type[Kind], value: object) -> Kind:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"a {type(value).__name__} stands in place of a {kind.__name__}")
    return value


def _or_none(kind: type[Kind], value: object) -> Kind | None:
    return None if value is None else _is(kind, value)


def _text(value: object) -> str:
    return _is(str, value)


def _number(value: object) -> int:
    return _is(int, value)


def _text_or_none(value: object) -> str | None:
    return _or_none(str, value)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(_text, _is(list, value)))


def _text_by_text(value: object) -> dict[str, str]:
    return {_text(name): _text(each) for name, each in _is(dict, value).items()}


def _needs(value: object) -> tuple[tuple[str, str, str], ...]:
    return tuple((kind, name, digest) for kind, name, digest in map(_texts, _is(list, value)))


def _name(placeholder: object, kind: object, value: object, code: object) -> Name:
    if kind not in _NAME_KINDS:
        raise ValueError(f"it needs a name of the kind {kind!r}")
    return Name(_text(placeholder), _text(kind), _text(value), _or_none(CodeType, code))


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "module": _text,
    "qualname": _text,
    "digest": _text,
    "filename": _text,
    "first_line": _number,
    "backend": _text,
    "config": _text_by_text,
    "config_digest": _text,
    "distributed": _text_by_text,
    "proofs": _texts,
    "needs": _needs,
    "aot_key": _text_or_none,
    "aot_sha256": _text_or_none,
}
"""How each fact is read."""
