"""Placing: which function and which compile each compiled graph belongs to.

Layer: bundle. Torch's container does not say. With `caching_precompile` the bytecode of each guarded code names its
graphs. Without, the kernels of a graph tell the lines of the user's code that they come from, outermost function first:
that one was compiled.

Torch numbers its compiles anew in each process and keeps no number. The compile ids here count the functions, and the
variants of each, in the order in which the container has them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from megacache.bundle.torch_artifacts.graphs import AotEntry, Graph, Place
from megacache.bundle.torch_artifacts.guards import GuardState
from megacache.bundle.torch_artifacts.precompile import CodeEntry, PrecompileEntry
from megacache.model import Code

_RESUME_NAME = re.compile(r"torch_dynamo_resume_in_(?P<function>.+)_at_(?P<line>\d{1,9})")
"""How Dynamo names the function that continues after a graph break.

Source: `torch/_dynamo/resume_execution.py`, 2.13.0 to 2.15.0.
"""

BYPASSED = "torch kept none of its variants, since the guards or a graph of one could not be kept"


@dataclass(slots=True)
class Lowering:
    """One compiled graph with its backward.

    Attributes:
        backend_id: Torch's, or one of ours after the key of its artifact.
        entry: What AOTAutograd keeps of it; None for a graph of another backend.
        compile_id: Of the guarded code that calls it.
    """

    backend_id: str
    entry: AotEntry | None
    compile_id: str | None = None

    @property
    def halves(self) -> list[tuple[str, Graph]]:
        """Its graphs, each with its kind."""
        if self.entry is None:
            return []
        forward, backward = self.entry.forward, self.entry.backward
        kind = (forward.kind if forward else None) or ("forward" if backward else "inference")
        return [(name, graph) for name, graph in ((kind, forward), ("backward", backward)) if graph is not None]

    @property
    def places(self) -> tuple[Place, ...]:
        """The lines that its kernels come from."""
        return tuple(place for _, graph in self.halves for place in graph.places)


@dataclass(frozen=True, slots=True)
class Compiled:
    """One compile: its id, its code, and what is known of its guards; a bypassed one has left no guarded code."""

    compile_id: str
    code_id: str
    guards: GuardState | None
    is_bypassed: bool = False


@dataclass(slots=True)
class Placing:
    """The code objects and compiles of one container.

    Attributes:
        codes: By their ids.
        compiles: In the order of their numbers.
        breaks: The graph breaks: a compile, and the resume function that it goes on with.
    """

    codes: dict[str, Code] = field(default_factory=dict)
    compiles: list[Compiled] = field(default_factory=list)
    breaks: dict[tuple[str, str], None] = field(default_factory=dict)
    _by_place: dict[tuple[str, str], str] = field(default_factory=dict)
    _frames: dict[str, int] = field(default_factory=dict)
    _variants: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def place_entry(self, entry: PrecompileEntry, lowerings: dict[str, Lowering]) -> None:
        """Take the functions of a precompile entry, and give its graphs their compile ids.

        Args:
            entry: What torch keeps of one function.
            lowerings: Every compiled graph by its backend id.
        """
        callers: dict[str, tuple[str, str]] = {}
        for each in entry.codes:
            calls = [callers[name] for name in each.function_names if name in callers]
            code_id = self._learn(_code_of(each, calls[0][0] if calls else None))
            self.breaks |= dict.fromkeys((compile_id, code_id) for _, compile_id in calls)
            for variant in each.guarded_codes:
                compile_id = self._compile(code_id, variant.guards)
                for name in variant.names:
                    callers.setdefault(name, (code_id, compile_id))
                    if name in lowerings and lowerings[name].compile_id is None:
                        lowerings[name].compile_id = compile_id
            if each.is_bypassed and not each.guarded_codes:
                self._compile(code_id, None, is_bypassed=True)

    def place_lowerings(self, lowerings: Sequence[Lowering], functions: Iterable[Place]) -> None:
        """Give the graphs that have no compile yet one of the function that their kernels come from.

        Args:
            lowerings: Compiled graphs in the order of their compiles; one without kernels stays outside of any.
            functions: Where functions begin, as far as it is known otherwise.
        """
        begins = {(each.filename, each.function): each.line for each in functions}
        for each in lowerings:
            for place in each.places:
                at = (place.filename, place.function)
                begins[at] = min(begins.get(at, place.line), place.line)
        for each in lowerings:
            if each.compile_id is None and each.places:
                place = each.places[0]
                each.compile_id = self._compile(self._function(place, begins[place.filename, place.function]), None)
        self._join_resumes()

    def _function(self, place: Place, first_line: int) -> str:
        """Return the code of a function that is known by its file and name alone."""
        known = self._by_place.get((place.filename, place.function))
        if known is not None:
            return known
        entry = CodeEntry(
            module=None,
            qualname=place.function,
            filename=place.filename,
            first_line=first_line,
            source=None,
            function_names=(),
            guarded_codes=(),
            is_bypassed=False,
        )
        return self._learn(_code_of(entry, None))

    def _join_resumes(self) -> None:
        """Hang resume functions without a parent under the function of their file that their name tells.

        Which of its variants broke there is not known: the first one stands for all.
        """
        first = {each.code_id: each.compile_id for each in reversed(self.compiles)}
        by_name = {(code.filename, code.qualname): code for code in self.codes.values()}
        for code in list(self.codes.values()):
            resume = _RESUME_NAME.fullmatch(code.qualname)
            parent = by_name.get((code.filename, resume["function"])) if resume else None
            if parent is not None and code.parent_code_id is None:
                self.codes[code.code_id] = replace(code, parent_code_id=parent.code_id)
                self.breaks[first.get(parent.code_id, ""), code.code_id] = None

    def _learn(self, code: Code) -> str:
        self.codes.setdefault(code.code_id, code)
        self._by_place.setdefault((code.filename, code.qualname.rpartition(".")[2]), code.code_id)
        return code.code_id

    def _compile(self, code_id: str, guards: GuardState | None, *, is_bypassed: bool = False) -> str:
        frame = self._frames.setdefault(code_id, len(self._frames))
        compile_id = f"{frame}/{self._variants[code_id]}"
        self._variants[code_id] += 1
        self.compiles.append(Compiled(compile_id, code_id, guards, is_bypassed))
        return compile_id


def _code_of(entry: CodeEntry, parent_code_id: str | None) -> Code:
    resume = _RESUME_NAME.fullmatch(entry.qualname)
    key = repr((entry.module, entry.qualname, entry.filename, entry.first_line))
    code_id = sha256(key.encode("utf-8")).hexdigest()[:16]
    return Code(
        code_id=code_id,
        module=entry.module,
        qualname=entry.qualname,
        filename=entry.filename,
        first_line=entry.first_line,
        digest=None,
        source=None if resume else entry.source,
        parent_code_id=parent_code_id if parent_code_id != code_id else None,
        resume_line=int(resume["line"]) if resume else None,
    )
