"""Guarded code: the stored form of one variant that Dynamo compiled, with all that must be true before it may run.

Layer: compiler, but needs no torch. A content is one line of JSON that anybody may read, then the part that is only
loaded: bytecode (by `marshal`) and the sources of the guards (torch's objects, pickled).
"""

from __future__ import annotations

import hashlib
import json
import marshal
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import CodeType

from megacache.compiler.codes import RESUME_NAME
from megacache.compiler.content import UnprovableError, codes_in
from megacache.errors import CorruptBundleError

FORMAT = 1
"""The version of the content; another one is never loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What must be true before a guarded code may run, readable without loading anything.

    `module`, `qualname` and `digest` tell the code object. `backend` is the compiler with its own options, `config` the
    options of torch that differ from their defaults, `config_digest` covers all of them. `proofs` are the lines of the
    guards (see `replay`), `needs` what was inlined or called and has no guard, as (kind, name, digest; see `needs`).
    `aot_key` and `aot_sha256` name the AOT artifact that holds the compiled graph; both are None where there is no
    graph, or where the body holds an entry of its own.
    """

    module: str
    qualname: str
    digest: str
    filename: str
    first_line: int
    backend: str
    config: Mapping[str, str]
    config_digest: str
    proofs: tuple[str, ...]
    needs: tuple[tuple[str, str, str], ...]
    aot_key: str | None
    aot_sha256: str | None

    @property
    def key(self) -> str:
        """The cache key: the same for the same variant, whenever it was compiled."""
        told = (self.backend, self.config_digest, self.proofs, self.needs)
        variant = hashlib.sha256(repr(told).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return f"{family_of(self.module, self.qualname, self.digest)}-{variant}"


@dataclass(frozen=True, slots=True)
class Name:
    """One name that the bytecode reads from its globals and that Dynamo put there.

    `kind` is `backend`, `builtins`, `module` (`value` is its name) or `resume` (`code` is the function's, `value` its
    module).
    """

    placeholder: str
    kind: str
    value: str = ""
    code: CodeType | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """What is run: the bytecode, the names it needs, and the guards as `replay.GuardState.dump` wrote them.

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
        CorruptBundleError: When the content is damaged or of another format.
    """
    try:
        head = json.loads(content.partition(b"\n")[0].decode("utf-8", "surrogatepass"))
        if head.pop("format") != FORMAT:
            raise CorruptBundleError("a guarded code of another format: compile it again and save")
        head["proofs"] = tuple(head["proofs"])
        head["needs"] = tuple(tuple(each) for each in head["needs"])
        return Facts(**{each.name: head[each.name] for each in fields(Facts)})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptBundleError(f"a guarded code is damaged: {error}; compile it again and save") from error


def body_of(content: bytes) -> Body:
    """Load what is run. Only for content that was decided to be loaded: what it holds will run.

    Raises:
        CorruptBundleError: When the content is damaged.
    """
    try:
        code, names, *rest = marshal.loads(content.partition(b"\n")[2])  # noqa: S302  The caller decided to load.
        return Body(code, tuple(Name(*each) for each in names), *rest)
    except (ValueError, EOFError, TypeError) as error:
        raise CorruptBundleError(f"a guarded code is damaged: {error}; compile it again and save") from error


def names_in(code: CodeType) -> dict[str, None]:
    """Return every name that a code object or one inside it reads, each once, in order."""
    return dict.fromkeys(name for each in codes_in(code) for name in each.co_names)


def renamed(code: CodeType, names: Mapping[str, str]) -> CodeType:
    """Return the code object with some of the names that it reads replaced."""
    return code.replace(
        co_names=tuple(names.get(name, name) for name in code.co_names),
        co_consts=tuple(renamed(each, names) if isinstance(each, CodeType) else each for each in code.co_consts),
    )
