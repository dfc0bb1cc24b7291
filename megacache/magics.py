"""The magics: `%%megacache` captures a cell, `%megacache` saves, loads and shows.

Layer: a face.

`%%megacache` is not an ordinary cell magic, since one of those runs the cell in its own way and so changes its value,
its traceback or its `await`. Instead an input transformer takes the line away, and IPython then runs the cell as ever:
the session begins before it and ends after it.
"""

from __future__ import annotations

import argparse
import ast
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from IPython.core.error import InputRejected, UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class
from IPython.display import display

from megacache import verbs
from megacache.bundle import Bundle, SaveReport
from megacache.bundle.compare import diff
from megacache.errors import MegacacheError
from megacache.explain import Diff
from megacache.recording import Recorded
from megacache.report import LoadReport
from megacache.sessions import Session

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

MARK = "%%megacache"

CELL_USAGE = (
    "%%megacache [NAME] [--bundle PATH] [--trust] [--autosave] [--fresh] [--no-precompile] [--no-widget] [--quiet]"
)
LINE_USAGE = (
    "%megacache status | save PATH | load PATH [--trust] | export PATH | explore [PATH] | diff OLD NEW | config"
)
TRUST = "--trust"

_WORD_COUNTS = {
    "status": (0,),
    "save": (1,),
    "load": (1, 2),
    "export": (1,),
    "explore": (0, 1),
    "diff": (2,),
    "config": (0,),
}
"""How many words may follow each command."""


class RejectedError(InputRejected, UsageError):
    """The session could not begin: the cell is not run, and one line says why."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows: where we raised it tells nobody anything."""
        return [f"{type(self).__name__}: {self}"]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\nusage: {CELL_USAGE}")


def _cell_parser() -> _Parser:
    parser = _Parser(prog=MARK, add_help=False, allow_abbrev=False)
    parser.add_argument("name", nargs="?", default="cell")
    parser.add_argument("--bundle")
    for option in (TRUST, "--autosave", "--fresh", "--no-precompile", "--no-widget", "--quiet"):
        parser.add_argument(option, action="store_true")
    return parser


def parse_cell_line(line: str) -> argparse.Namespace:
    """Read the options of `%%megacache`.

    Args:
        line: What follows the magic's name.

    Returns:
        `name`, `bundle`, `trust`, `autosave`, `fresh`, `no_precompile`, `no_widget` and `quiet`.

    Raises:
        UsageError: IPython's own, with the usage line, for anything that is not an option.
    """
    return _cell_parser().parse_args(_words(line))


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"{error}\nusage: {CELL_USAGE}\n       {LINE_USAGE}") from error


def take_line_away(lines: list[str]) -> list[str]:
    """Blank the `%%megacache` line of a cell, so that the rest runs as it stands and keeps its line numbers.

    A line with wrong options is left to the cell magic, which says so and runs nothing.
    """
    first = next((at for at, line in enumerate(lines) if line.strip()), None)
    if first is None or not _is_mark(lines[first]):
        return lines
    try:
        parse_cell_line(lines[first].strip()[len(MARK) :])
    except UsageError:
        return lines
    return [*lines[:first], "\n", *lines[first + 1 :]]


def _is_mark(line: str) -> bool:
    return line.strip() == MARK or line.strip().startswith(MARK + " ")


class _Gate(ast.NodeTransformer):
    """Between a session that could not begin and the cell that was to run in it (an IPython AST transformer)."""

    def __init__(self) -> None:
        self.refusal: str | None = None

    def visit(self, node: ast.AST) -> ast.AST:
        refusal, self.refusal = self.refusal, None
        if refusal is not None:
            raise RejectedError(refusal)
        return node


@dataclass(frozen=True, slots=True)
class _Cell:
    """A marked cell that runs, with the explorer that is filled meanwhile, or why there is none."""

    session: Session
    options: argparse.Namespace
    explorer: object = None
    notice: str = ""


@magics_class
class MegacacheMagics(Magics):
    """Capture, save and show torch.compile's caches."""

    shell: InteractiveShell

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._gate = _Gate()
        # One for each cell that runs, for a cell may run another; None for those that are not marked.
        self._cells: list[_Cell | None] = []

    @line_cell_magic
    def megacache(self, line: str, cell: str | None = None) -> Any:
        """Capture the compilations of a cell, or do one thing with what was captured.

        As a cell magic: `%%megacache [NAME] [--bundle PATH] [--trust] [--autosave] [--fresh] [--no-precompile]
        [--no-widget] [--quiet]`.
        As a line magic: `%megacache status | save PATH | load PATH [--trust] | export PATH | explore [PATH] |
        diff OLD NEW | config`.
        """
        if cell is not None:
            parse_cell_line(line)  # says what is wrong with it
            return self.shell.run_cell(f"{MARK} {line}\n{cell}").raise_error()  # type: ignore[no-untyped-call]
        return self._command(line)

    # -- around a cell -------------------------------------------------------------------------------------------

    def before_cell(self, info: ExecutionInfo) -> None:
        """Begin the session of a marked cell; what keeps it from beginning keeps the cell from running."""
        raw = info.raw_cell or ""
        head, _, body = raw.lstrip("\n").partition("\n")
        self._cells.append(self._begun(head, body) if _is_mark(head) else None)

    def _begun(self, head: str, body: str) -> _Cell | None:
        try:
            options = parse_cell_line(head.strip()[len(MARK) :])
        except UsageError:  # the cell magic says so
            return None
        try:
            session = verbs.session(
                options.name,
                options.bundle,
                autosave=options.autosave,
                trust=options.trust,
                fresh=options.fresh,
                precompile=not options.no_precompile,
                cell=body,
                notebook=_notebook_path(self.shell),
            )
            session.__enter__()
        except MegacacheError as error:
            self._gate.refusal = str(error)
            return None
        if options.quiet or options.no_widget or not self._has_widgets:
            return _Cell(session, options)
        try:
            explorer = session.explore()
            display(explorer)  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001  the user's cell runs, whatever happened to the view
            return _Cell(session, options, notice=f"megacache shows text: {error}")
        return _Cell(session, options, explorer)

    @property
    def _has_widgets(self) -> bool:
        """Say whether there is a front end that may show widgets: a kernel's, not a terminal."""
        return getattr(self.shell, "kernel", None) is not None

    def after_cell(self, result: ExecutionResult) -> None:
        """End the session of a marked cell, save it, and show it below the cell's own output."""
        cell = self._cells.pop() if self._cells else None
        if cell is None:
            return
        session = cell.session
        error = result.error_in_exec or result.error_before_exec
        try:
            session.__exit__(type(error) if error else None, error, None)
        except MegacacheError as failure:
            print(f"megacache could not save: {failure}")
        if not cell.options.quiet:
            print(_one_line(session))
            if cell.notice:
                print(cell.notice)
            if cell.explorer is None:
                display(session.tree())  # type: ignore[no-untyped-call]

    def install(self) -> None:
        """Put everything in place; a second `%load_ext` changes nothing."""
        self.shell.register_magics(self)
        # Last of these, since another one takes leading empty lines away.
        self.shell.input_transformers_cleanup.append(take_line_away)
        self.shell.ast_transformers.append(self._gate)
        self.shell.events.register("pre_run_cell", self.before_cell)
        self.shell.events.register("post_run_cell", self.after_cell)

    # -- commands ------------------------------------------------------------------------------------------------

    def _command(self, line: str) -> Any:
        name, *words = _words(line) or ["status"]
        if len(words) not in _WORD_COUNTS.get(name, ()):
            raise UsageError(f"usage: {LINE_USAGE}")
        try:
            return getattr(self, f"_{name}")(*words)
        except MegacacheError as error:
            raise UsageError(str(error)) from error

    def _status(self) -> None:
        print(verbs.status())

    def _save(self, path: str) -> SaveReport:
        return verbs.save(path)

    def _load(self, *words: str) -> LoadReport:
        """Load a bundle; `--trust` before or after the path says that it may be anybody's."""
        paths = [each for each in words if each != TRUST]
        if len(paths) != 1:
            raise UsageError(f"usage: {LINE_USAGE}")
        return verbs.load(paths[0], trust=TRUST in words)

    def _export(self, path: str) -> None:
        """Write what was captured as one HTML page if the path ends in `.html`, else as torch's own container."""
        size_bytes = verbs.export(path)
        print(f"wrote {path} ({size_bytes:,} bytes)")

    def _explore(self, path: str | None = None) -> object:
        """Show a bundle, or all that was captured; in a terminal as a tree."""
        if path is None:
            return self._view(verbs.everything())
        with Bundle.open(path) as bundle:
            return self._view(bundle)

    def _view(self, recorded: Recorded) -> object:
        return recorded.explore() if self._has_widgets else recorded.tree()

    def _diff(self, old: str, new: str) -> Diff:
        return diff(old, new)

    def _config(self) -> None:
        for option, value in sorted(verbs.config().items()):
            print(f"{option} = {value}")


def _one_line(session: Session) -> str:
    parts = [f"megacache {session.name}: {session.summary()}"]
    if session.load_report.verdicts:
        parts.append(str(session.load_report))
    if session.save_report is not None:
        parts.append(str(session.save_report))
    return " · ".join(parts)


def _notebook_path(shell: InteractiveShell) -> str | None:
    """Return where the notebook is, if its front end says so: VS Code by a name, Jupyter's server by a variable."""
    named = shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
    return named if isinstance(named, str) and Path(named).suffix == ".ipynb" else None


def register(shell: InteractiveShell) -> None:
    """Install the magics in a shell, once.

    Args:
        shell: The running IPython shell.
    """
    if "megacache" not in shell.magics_manager.magics["line"]:
        MegacacheMagics(shell).install()
