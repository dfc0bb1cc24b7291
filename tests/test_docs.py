"""The documentation: README names every command, option and magic; docstrings say what is true."""

import ast
import builtins
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

import megacache
from megacache import errors, magics
from megacache.cli import app

HOUSE = Path(megacache.__file__).parent
REPOSITORY = HOUSE.parent
README = (REPOSITORY / "README.md").read_text()
FILES = sorted(HOUSE.rglob("*.py"))
COMMANDS = get_command(app).commands
OUR_ERRORS = {name for name, value in vars(errors).items() if inspect.isclass(value)}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def named(path: Path) -> str:
    return str(path.relative_to(HOUSE))


def is_public(name: str) -> bool:
    return not name.startswith("_")


def public_definitions(path: Path) -> Iterator[tuple[str, ast.ClassDef | Function]]:
    """Every public class, function and method of a file, with its qualified name."""

    def inside(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.ClassDef | Function]]:
        for node in body:
            if isinstance(node, ast.ClassDef | Function) and is_public(node.name):
                yield prefix + node.name, node
            if isinstance(node, ast.ClassDef) and is_public(node.name):
                yield from inside(node.body, f"{prefix}{node.name}.")

    yield from inside(ast.parse(path.read_text()).body, "")


def decorators(node: ast.ClassDef | Function) -> str:
    return " ".join(ast.unparse(each) for each in node.decorator_list)


def is_exempt(node: ast.ClassDef | Function) -> bool:
    """An overload says nothing of its own; a command's docstring is its help."""
    return any(word in decorators(node) for word in ("overload", "override", "register", "app.command"))


def section(docstring: str, title: str) -> set[str]:
    """The names that a Google-style section explains."""
    found = re.search(rf"^{title}:\n((?:    .*\n?|\n)*)", inspect.cleandoc(docstring), re.MULTILINE)
    return set(re.findall(r"^    \*{0,2}(\w+)[ :(]", found[1], re.MULTILINE)) if found else set()


def parameters(node: Function) -> set[str]:
    arguments = node.args
    everything = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return {each.arg for each in everything if each is not None} - {"self", "cls"}


def raised_by(node: Function) -> set[str]:
    """The errors of ours that a function raises with its own hands."""
    calls = (each.exc for each in ast.walk(node) if isinstance(each, ast.Raise))
    names = {each.func.id for each in calls if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)}
    return names & OUR_ERRORS


def bases_of(name: str) -> set[str]:
    return {base.__name__ for base in getattr(errors, name).__mro__}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_readme_names_every_command_and_option(name):
    assert f"megacache {name}" in README
    row = next(line for line in README.splitlines() if re.match(rf"\| `megacache {name}\b", line))
    for parameter in COMMANDS[name].params:
        option = max(parameter.opts, key=len)
        if option.startswith("--") and option not in ("--help", "--json"):
            assert f"{option}" in row, f"{option} of {name} is not in its row"
    assert "`--json`" in README


def test_readme_names_no_command_that_is_not_there():
    assert set(re.findall(r"^\| `megacache (\w+)", README, re.MULTILINE)) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_says_what_it_does_and_speaks_json(name):
    command = COMMANDS[name]
    assert command.help
    assert "--json" in {option for parameter in command.params for option in parameter.opts}
    for parameter in command.params:
        assert parameter.help or parameter.name == "help", f"{name} {parameter.name}"


def test_readme_names_every_magic_and_its_options():
    options = set(re.findall(r"--[\w-]+", magics.CELL_USAGE))
    commands = {each.split()[0] for each in magics.LINE_USAGE.removeprefix("%megacache ").split(" | ")}
    assert {"--bundle", "--fresh", "--no-widget", "--quiet", "--no-precompile"} <= options
    assert {"status", "save", "load", "export", "diff", "config"} <= commands
    rows = [line for line in README.splitlines() if line.startswith("| `")]
    for word in options | commands:
        assert any(re.match(rf"\| `{word}[ `]", row) for row in rows), f"{word} has no row in README.md"


@pytest.mark.parametrize("name", megacache.__all__)
def test_readme_names_every_public_name(name):
    assert name in README or name == "__version__"


@pytest.mark.parametrize("target", re.findall(r"\]\((?!https?:)([^)#]+)\)", README))
def test_readme_links_to_files_that_are_there(target):
    assert (REPOSITORY / target).exists()


def test_readme_maps_every_room():
    rooms = {path.relative_to(HOUSE).parts[0] for path in FILES} - {"__init__.py", "__main__.py"}
    for room in rooms:
        assert f"`megacache/{room}" in README, f"{room} is not on the map"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_everything_public_has_a_docstring(path):
    assert ast.get_docstring(ast.parse(path.read_text()))
    for name, node in public_definitions(path):
        assert ast.get_docstring(node) or is_exempt(node), f"{named(path)}: {name} has no docstring"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_args_name_the_parameters(path):
    for name, node in public_definitions(path):
        documented = section(ast.get_docstring(node) or "", "Args")
        if isinstance(node, Function) and documented and not is_exempt(node):
            assert documented == parameters(node), f"{named(path)}: {name}"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_raises_name_real_errors_and_what_is_raised(path):
    for name, node in public_definitions(path):
        if not isinstance(node, Function) or is_exempt(node):
            continue
        documented = section(ast.get_docstring(node) or "", "Raises")
        for error in documented:
            assert error in OUR_ERRORS or hasattr(builtins, error) or error in path.read_text(), f"{name}: {error}"
        for error in raised_by(node):
            assert bases_of(error) & documented, f"{named(path)}: {name} raises {error} and does not say so"


@pytest.mark.parametrize("name", sorted(megacache._HOMES))
def test_a_public_function_documents_its_parameters(name):
    value = getattr(megacache, name)
    if inspect.isclass(value):
        assert value.__doc__
    else:
        documented = section(value.__doc__, "Args")
        assert documented == set(inspect.signature(value).parameters)
