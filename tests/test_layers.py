"""The layers of the house, read from the import statements of every file."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import megacache

HOUSE = Path(megacache.__file__).parent
FILES = sorted(HOUSE.rglob("*.py"))
LINE_LIMIT = 400

GROUND = {"errors", "model", "precompiled", "recording", "report"}
MAY_IMPORT = {
    "errors": set(),
    "model": set(),
    "recording": {"errors", "model"},
    "precompiled": {"errors", "model", "views"},
    "report": {"errors", "model", "recording", "views"},
    "autosave": {"errors"},
    "views": GROUND,
    "explain": {*GROUND, "views"},
    "bundle": {*GROUND, "views", "explain"},
    "trust": {*GROUND, "bundle"},
    "compiler": {*GROUND, "explain", "bundle", "trust"},
    # A session knows its process, for type checkers only.
    "sessions": {*GROUND, "autosave", "views", "explain", "bundle", "trust", "compiler", "process"},
    "traces": {*GROUND, "views", "explain", "bundle", "compiler"},
    "process": {*GROUND, "views", "explain", "bundle", "trust", "compiler", "sessions"},
    "verbs": {*GROUND, "views", "bundle", "trust", "compiler", "sessions", "process"},
    "parts": {"sessions", "process"},
    "compiled": {*GROUND, "bundle", "trust", "compiler", "sessions", "process", "parts"},
    "compiled_functions": {*GROUND, "bundle", "trust", "compiler", "process", "parts"},
    "explorer": {*GROUND, "views", "explain", "bundle", "trust", "sessions", "process", "verbs"},
    "magics": {*GROUND, "views", "explain", "bundle", "sessions", "verbs"},
    "cli": {*GROUND, "views", "explain", "bundle", "trust", "traces"},
    "__main__": {"cli"},
}
"""What each room may import of ours at run time. The front door, `__init__`, imports lazily from any room."""

FACES_OF_A_RECORDING = {"tables", "figures", "tree", "widget", "page"}
"""The modules through which a `Recorded` shows itself, each imported by the method of that name."""

INSTALLER = ["compiler", "packages"]
"""The module through which `Bundle.package` puts an entry into the running torch, imported by that method."""

ONLY_IN = {
    "torch": {"compiler"},
    "IPython": {"magics", "explorer", "__init__"},
    "anywidget": {"explorer"},
    "ipywidgets": {"explorer"},
    "traitlets": {"explorer"},
    "typer": {"cli"},
    "sqlite3": {"bundle"},
    "cryptography": {"trust"},
}
"""Libraries that have one room of their own."""


def room_of(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def imported_modules(path: Path) -> Iterator[tuple[str, int]]:
    """Every imported module with its line; `from a import b` gives `a.b` too, since b may be a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def named(path: Path) -> str:
    return str(path.relative_to(HOUSE))


def test_every_room_has_a_layer():
    rooms = {room_of(path) for path in FILES} - {"__init__"}
    assert rooms == set(MAY_IMPORT)


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_room_imports_only_what_lies_below(path):
    room = room_of(path)
    if room == "__init__":
        return
    front_door = {name: home.split(".")[1] for name, home in megacache._HOMES.items()}
    for module, line in imported_modules(path):
        parts = module.split(".")
        if parts[0] != "megacache" or len(parts) == 1:
            continue
        other = front_door.get(parts[1], parts[1])
        if other not in MAY_IMPORT or other == room:
            continue
        is_a_face = room == "recording" and other in ("views", "explorer") and parts[2] in FACES_OF_A_RECORDING
        is_a_face = is_a_face or (room == "bundle" and parts[1:3] == INSTALLER)
        assert is_a_face or other in MAY_IMPORT[room], f"{named(path)}:{line}: {room} may not import {other}"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_library_stays_in_its_room(path):
    for module, line in imported_modules(path):
        rooms = ONLY_IN.get(module.split(".")[0])
        assert rooms is None or room_of(path) in rooms, f"{named(path)}:{line}: only {rooms} may import {module}"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_is_not_too_long(path):
    assert len(path.read_text().splitlines()) <= LINE_LIMIT


def test_there_is_no_room_for_leftovers():
    names = {part.removesuffix(".py") for path in FILES for part in path.relative_to(HOUSE).parts}
    assert names.isdisjoint({"utils", "util", "helpers", "helper", "common", "core", "misc"})
