"""The front door: what `megacache` offers, lazily, and what importing it must not cost."""

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import megacache

REPOSITORY = Path(megacache.__file__).parents[1]
HEAVY = ("torch", "pandas", "plotly", "numpy", "IPython", "rich", "typer")


def in_a_fresh_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_all_is_sorted_and_small():
    assert megacache.__all__ == sorted(megacache.__all__)
    assert len(megacache.__all__) <= 24


def test_all_is_what_can_be_imported():
    lazy = set(megacache._HOMES)
    assert set(megacache.__all__) == lazy | {"__version__", "load_ipython_extension"}
    for name in megacache.__all__:
        assert getattr(megacache, name) is not None
        assert name in dir(megacache)


@pytest.mark.parametrize("name", sorted(megacache._HOMES))
def test_a_lazy_name_is_the_one_of_its_home(name):
    home = import_module(megacache._HOMES[name])
    assert getattr(megacache, name) is getattr(home, name)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"megacache.*has no attribute 'sesion'"):
        _ = megacache.sesion


def test_importing_megacache_imports_nothing_heavy():
    code = f"import sys, megacache; print([name for name in {HEAVY} if name in sys.modules])"
    assert in_a_fresh_process(code) == "[]"


@pytest.mark.parametrize("room", ["megacache.bundle", "megacache.views", "megacache.explain", "megacache.report"])
def test_importing_a_reading_room_imports_nothing_heavy(room):
    code = f"import sys, {room}; print([name for name in {HEAVY} if name in sys.modules])"
    assert in_a_fresh_process(code) == "[]"


@pytest.mark.parametrize(
    "imports",
    [
        "import megacache",
        "import megacache.sessions",
        "import megacache.sessions; from megacache import session; import megacache",
        "from megacache import session; import megacache.sessions, megacache",
        "import megacache.bundle, megacache.explain, megacache.report; import megacache",
    ],
)
def test_no_import_order_hides_a_function_behind_a_module(imports):
    modules = "[name for name in megacache.__all__ if type(getattr(megacache, name)).__name__ == 'module']"
    assert in_a_fresh_process(f"{imports}; print({modules})") == "[]"


def test_no_public_name_is_also_a_submodule():
    submodules = {path.stem for path in Path(megacache.__file__).parent.iterdir()}
    assert submodules.isdisjoint(set(megacache.__all__) - {"__version__"})


def test_the_version_is_kept_in_one_place():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "megacache/__init__.py"
    assert (REPOSITORY / "megacache" / "__init__.py").read_text().count(f'"{megacache.__version__}"') == 1
