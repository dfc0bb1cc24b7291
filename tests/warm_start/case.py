"""Case: one piece of user code, run cold in one kernel and warm, after a change, in the next.

A text defines things and sets `result`, computed by compiled callables, and `eager`, computed by plain calls. Where it
sets no `result`, `CALL` is appended. In a text, `# %%` alone on a line starts a new cell, `CASE_ID` stands for a name
that no other case has, and these names are there:

    torch             the library, freshly seeded
    grid(*shape)      a tensor of small numbers, the same in every process
    session()         a context that loads and saves the bundle; only for cases that have their own sessions
    bundle            the path of the bundle; only where a case needs one
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import partial

CALL = """
compiled = torch.compile(f)
x = grid(4, 4)
result, eager = compiled(x), f(x)
"""

VERDICTS = ("hit", "miss", "partial", "refused", "nothing")
"""Everything was served; nothing was, all compiled anew; some was; nothing of the bundle may be used here; nothing was
compiled at all."""


@dataclass(frozen=True)
class Run:
    """What one kernel does for a case.

    `expected` is a verdict, or several joined by ` or `. `env` are variables of the kernel's process; `files` are
    modules on disk beside the text, by name.
    """

    text: str
    expected: str = "miss"
    env: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if unknown := set(self.expected.split(" or ")) - set(VERDICTS):
            raise ValueError(f"no such verdict: {unknown}")


@dataclass(frozen=True)
class Case:
    """One case: the cold run, then the warm ones, each in a fresh kernel.

    Args:
        name: What it is about, for people; unique.
        runs: The cold run first.
        where: `cell`, a notebook's cells; `file`, a module on disk that is imported.
        has_own_sessions: The text opens its sessions itself; otherwise one session is around the whole text.
        needs_bundle: The case is about our file, so plain torch cannot run it.
        reason: A text that some reason of the last run must hold.
        tamper: SQL that changes the bundle between the cold run and the warm one.
    """

    name: str
    runs: tuple[Run, ...]
    where: tuple[str, ...] = ("cell", "file")
    has_own_sessions: bool = False
    needs_bundle: bool = False
    reason: str = ""
    tamper: str = ""


@dataclass(frozen=True)
class Item:
    """One case at one place: what a kernel runs and a row of the table shows."""

    case: Case
    where: str

    @property
    def id(self) -> str:
        """A name for files, modules, operators and tests."""
        return f"{re.sub('[^a-z0-9]+', '_', self.case.name.lower()).strip('_')}_{self.where}"

    @property
    def expected(self) -> str:
        """The verdicts of all warm runs."""
        return ", ".join(run.expected for run in self.case.runs[1:])

    def run(self, phase: int) -> Run:
        """Return one run with its names filled in."""
        run = self.case.runs[phase]
        files = {self._named(name): self._named(text) for name, text in run.files.items()}
        return replace(run, text=self._named(run.text), files=files)

    def _named(self, text: str) -> str:
        return text.replace("CASE_ID", self.id)


def case(
    name: str,
    cold: str,
    *changes: tuple[str, str],
    warm: str | None = None,
    expected: str | None = None,
    env: dict[str, str] | None = None,
    warm_env: dict[str, str] | None = None,
    files: dict[str, str] | None = None,
    warm_files: dict[str, str] | None = None,
    then: tuple[Run, ...] = (),
    where: tuple[str, ...] = ("cell", "file"),
    has_own_sessions: bool = False,
    needs_bundle: bool = False,
    reason: str = "",
    tamper: str = "",
) -> Case:
    """Make a case of one cold and one warm run.

    Args:
        name: See `Case`, as for all that is not told here.
        cold: The text of the cold run.
        *changes: What to replace by what for the warm run; each must occur in the text or in a file.
        warm: The text of the warm run, before the changes; the cold one when left out.
        expected: The verdict of the warm run. When left out: a miss if anything changed, else a hit.
        env: Variables of both kernels.
        warm_env: Variables of the warm kernel, instead of `env`.
        files: Modules on disk.
        warm_files: Modules on disk in the warm run, before the changes; the same when left out.
        then: Further runs.
        where: See `Case`.
        has_own_sessions: See `Case`.
        needs_bundle: See `Case`.
        reason: See `Case`.
        tamper: See `Case`.
    """
    first = Run(_whole(cold), env=env or {}, files=files or {})
    second = Run(
        _whole(cold if warm is None else warm),
        env=first.env if warm_env is None else warm_env,
        files=first.files if warm_files is None else warm_files,
    )
    for change in changes:
        second = _changed(second, *change)
    is_same = (first.text, first.env, first.files) == (second.text, second.env, second.files)
    second = replace(second, expected=expected or ("hit" if is_same else "miss"))
    runs = (first, second, *(replace(run, text=_whole(run.text)) for run in then))
    return Case(name, runs, where, has_own_sessions, needs_bundle, reason, tamper)


in_cell = partial(case, where=("cell",))
"""Make a case that is the same on disk as in a cell: it is run in a cell only."""


def again(text: str, expected: str = "hit", files: dict[str, str] | None = None) -> Run:
    """Make a further run."""
    return Run(text, expected, files=files or {})


def _whole(text: str) -> str:
    text = text.strip() + "\n"
    return text if re.search(r"^\s*result\b.* = ", text, re.MULTILINE) else text + CALL


def _changed(run: Run, old: str, new: str) -> Run:
    texts = (run.text, *run.files.values())
    if not any(old in text for text in texts):
        raise ValueError(f"nothing to change: {old!r} is not in {texts!r}")
    files = {name: text.replace(old, new) for name, text in run.files.items()}
    return replace(run, text=run.text.replace(old, new), files=files)
