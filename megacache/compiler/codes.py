"""Code objects: where they come from, their source, and the digest of their content.

Layer: compiler, but needs no torch.
"""

from __future__ import annotations

import hashlib
import linecache
import re
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from inspect import getblock
from pathlib import Path
from types import CellType, CodeType, FunctionType

from megacache.model import Code, Compile

RESUME_NAME = re.compile(r"^torch_dynamo_resume_in_(?P<function>.+)_at_(?P<line>\d+)$")
"""How Dynamo names the function that continues after a graph break.

Source: `torch/_dynamo/resume_execution.py`, 2.13.0 to 2.15.0.
"""

_CELL_FILE = re.compile(r"[^\s\"'<]*ipykernel_\d+[/\\]\d+\.py|<ipython-input-[^>\s]+>")
"""The names that ipykernel and IPython give to the cells they run."""

NOT_THE_USERS = ("/IPython/", "/ipykernel/", "<frozen runpy>")
"""Frames of these files, and all that called them, are not the user's."""

_LONGEST_NUMBER_BITS = 2000
"""Whatever the limit that Python is told to have, it makes decimal text of a number of that length."""

_OUR_FOLDER = str(Path(__file__).parent)


@dataclass(frozen=True, slots=True)
class TracedCode:
    """A code object of another process, as far as torch's trace tells of it."""

    co_name: str
    co_filename: str
    co_firstlineno: int

    @property
    def co_qualname(self) -> str:
        """The name: torch tells no more."""
        return self.co_name


AnyCode = CodeType | TracedCode


class Codes:
    """The code that a process compiled, each as one row, and which row a code object is."""

    def __init__(self) -> None:
        self._rows: dict[str, Code] = {}
        self._places: dict[str, int] = {}
        self._ids: dict[tuple[AnyCode, str | None], str] = {}

    def learn(
        self, code: AnyCode, module: str | None, parent_code_id: str | None = None, wraps: str | None = None
    ) -> str:
        """Return the id of a code object; it is described when it is first met.

        Args:
            code: What Dynamo compiles.
            module: `__name__` of the globals it runs in.
            parent_code_id: For a resume function, the code whose graph break made it.
            wraps: For a decorator's inner function, the qualname of what it wraps: all that one decorator wraps share
                the code of its inner function, and this tells them apart.
        """
        known = self._ids.get((code, wraps))
        if known is not None:
            return known
        parent = self._rows.get(parent_code_id or "")
        row = describe(code, module, parent, wraps)
        self._rows.setdefault(row.code_id, row)
        self._places.setdefault(row.code_id, len(self._places))
        self._ids[code, wraps] = row.code_id
        return row.code_id

    def module(self, code_id: str | None) -> str | None:
        """Return the module of a code, as far as it is known."""
        row = self._rows.get(code_id or "")
        return row.module if row else None

    def of(self, compiles: Collection[Compile]) -> tuple[Code, ...]:
        """Return the code of some compiles, and for resume functions their parents."""
        wanted = dict.fromkeys(each.code_id for each in compiles if each.code_id)
        for code_id in list(wanted):
            parent = self._rows[code_id].parent_code_id
            while parent is not None and parent not in wanted:
                wanted[parent] = None
                parent = self._rows[parent].parent_code_id
        return tuple(self._rows[code_id] for code_id in sorted(wanted, key=self._places.__getitem__))


def digest_of(code: CodeType) -> str:
    """Return the digest of a code object's content: equal for code that only moved, different for any edit.

    It covers bytecode, constants (nested code by its own digest), names, flags, argument counts and what each exception
    handler covers; not the file, the line table or the first line.
    """
    facts = (
        code.co_code,
        [_constant(each) for each in code.co_consts],
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_flags,
        getattr(code, "co_exceptiontable", b""),
        (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount),
    )
    return hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()


def _constant(constant: object) -> object:
    if isinstance(constant, CodeType):
        return ("code", digest_of(constant))
    if isinstance(constant, tuple):
        return ("tuple", [_constant(each) for each in constant])
    if isinstance(constant, frozenset):
        return ("frozenset", sorted(repr(_constant(each)) for each in constant))
    if isinstance(constant, int) and constant.bit_length() > _LONGEST_NUMBER_BITS:
        return (type(constant).__name__, hex(constant))
    return (type(constant).__name__, repr(constant))


def describe(code: AnyCode, module: str | None, parent: Code | None = None, wraps: str | None = None) -> Code:
    """Describe a code object as a row.

    Args:
        code: What Dynamo compiles.
        module: `__name__` of the globals it runs in.
        parent: For a resume function, the code whose graph break made it.
        wraps: For a decorator's inner function, the qualname of what it wraps.

    Returns:
        The row. A cell's file is named after the cell's text, so that it is the same in the next kernel. What only a
        trace tells of has no digest and no source: a file of that name may be another one here.
    """
    resume = RESUME_NAME.match(code.co_name)
    live = code if isinstance(code, CodeType) else None
    filename = stable_filename(code.co_filename) if live else code.co_filename
    if resume and parent:
        filename = parent.filename  # one that a bundle served bears the file name of the process that made it
    digest = digest_of(live) if live else None
    key = repr((module, code.co_qualname, wraps, digest, filename, code.co_firstlineno))
    return Code(
        code_id=hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16],
        module=module,
        qualname=code.co_qualname,
        filename=filename,
        first_line=code.co_firstlineno,
        digest=digest,
        source=source_of(live) if live and not resume else None,
        parent_code_id=parent.code_id if parent else None,
        resume_line=int(resume["line"]) if resume else None,
        wraps=wraps,
    )


def source_of(code: CodeType) -> str | None:
    """Return the source text of a code object, or None where Python has none (code from `exec`)."""
    lines = linecache.getlines(code.co_filename)[max(code.co_firstlineno - 1, 0) :]
    if not lines:
        return None
    try:
        return "".join(getblock(lines))
    except (SyntaxError, IndentationError):  # the file changed since it was imported
        return None


def stable_filename(filename: str) -> str:
    """Return a file's name; a cell's temporary one becomes `<cell DIGEST>`, after the cell's text."""
    text = cell_text(filename)
    return f"<cell {cell_digest(text)[:8]}>" if text is not None else filename


def stable_filenames(text: str) -> str:
    """Return one of torch's texts, with the temporary file of each cell named as `stable_filename` does.

    Torch shortens some of these names from the left.
    """
    return _CELL_FILE.sub(lambda found: stable_filename(_whole_name(found[0])), text)


def _whole_name(shortened: str) -> str:
    at = shortened.find("ipykernel_")
    if at < 0 or shortened in linecache.cache:
        return shortened
    return next((name for name in linecache.cache if name.endswith(shortened[at:])), shortened)


def cell_text(filename: str) -> str | None:
    """Return the text of the cell that a file name stands for, or None for a real file.

    IPython gives the cells it runs to `linecache` under names of files that do not exist.
    """
    entry = linecache.cache.get(filename)
    if entry is None or len(entry) < 4 or Path(filename).exists():
        return None
    return "".join(entry[2])


def cell_digest(text: str) -> str:
    """Return the digest of a cell's text; space around it does not count."""
    return hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).hexdigest()


def wrapped_name(code: CodeType, closure: Iterable[CellType]) -> str | None:
    """Return the qualname of the one function that a decorator's inner function closes over, or None.

    Args:
        code: What Dynamo compiles.
        closure: The cells that it runs with.
    """
    if "<locals>" not in code.co_qualname:
        return None
    values = [cell.cell_contents for cell in closure if _is_filled(cell)]
    names = {value.__qualname__ for value in values if isinstance(value, FunctionType)}
    return names.pop() if len(names) == 1 else None


def _is_filled(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018  asking is the only way to know
    except ValueError:
        return False
    return True


def calling_stack(torch_folder: str) -> tuple[str, ...]:
    """Return the user's frames that led here, outermost first, as `file:line name`.

    Args:
        torch_folder: Where torch is installed; its frames are left out, and so are the notebook's own.
    """
    frames: list[str] = []
    frame = sys._getframe(1)
    while frame is not None and not any(part in frame.f_code.co_filename for part in NOT_THE_USERS):
        code = frame.f_code
        if not code.co_filename.startswith((torch_folder, _OUR_FOLDER)):
            frames.append(f"{stable_filename(code.co_filename)}:{frame.f_lineno} {code.co_qualname}")
        frame = frame.f_back  # type: ignore[assignment]
    return tuple(reversed(frames))


def resume_codes(names: tuple[str, ...], scope: Mapping[str, object]) -> tuple[CodeType, ...]:
    """Return the code objects of the resume functions that new bytecode calls.

    Args:
        names: `co_names` of the bytecode that Dynamo made.
        scope: The globals it runs in, where Dynamo has put the functions under `__resume_at_*`.
    """
    functions = (scope.get(name) for name in names if name.startswith("__resume_at_"))
    codes = (getattr(function, "__code__", None) for function in functions)
    return tuple(code for code in codes if isinstance(code, CodeType))
