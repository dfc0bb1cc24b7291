"""Tests of `megacache.magics`, in a real IPython shell of a fresh process, and in a real kernel."""

from __future__ import annotations

import json
import re

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from megacache.bundle import Bundle
from samples import small_recording

pytestmark = pytest.mark.torch

SETUP = "import torch\n%load_ext megacache"

CELL = """%%megacache first --bundle first.megacache --no-widget
@torch.compile
def f(x):
    return torch.sin(x) + 1

f(torch.zeros(4)).tolist()"""


NESTING = """%%megacache outer --quiet
get_ipython().run_cell("1 + 1", silent=False)
torch.compile(lambda x: x * 7)(torch.ones(2))"""


WATCHED = """%%megacache watched --bundle watched.megacache
from ipywidgets.widgets.widget import _instances
from megacache.explorer.widget import Explorer

explorer = [each for each in _instances.values() if isinstance(each, Explorer)][-1]
seen = []
explorer.observe(lambda change: seen.append(explorer._snapshot.about.is_live), "_tree")
print("from the cell")
f = torch.compile(lambda x: torch.cos(x) + 2)
f(torch.zeros(4)).tolist()"""

UNBUILT = """import pathlib
from megacache.explorer import front_end
front_end.STATIC = pathlib.Path("nowhere")"""

WIDGET = "application/vnd.jupyter.widget-view+json"


def run(*cells, folder, cache, allows_errors=False):
    """Run cells in a real kernel and return them with their outputs."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        allow_errors=allows_errors,
        resources={"metadata": {"path": str(folder)}},
    )
    with client.setup_kernel(env={**cache}):
        for at, cell in enumerate(notebook.cells):
            client.execute_cell(cell, at)
    return notebook.cells


def outputs(cell, kind):
    return [output for output in cell.outputs if output.output_type == kind]


def html_of(cell):
    return "".join(output.data.get("text/html", "") for output in outputs(cell, "display_data"))


def printed(cell):
    return "".join(output.text for output in outputs(cell, "stream") if output.name == "stdout")


def complained(cell):
    return "".join(output.text for output in outputs(cell, "stream") if output.name == "stderr")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def environment(folder):
    import os

    from conftest import REPOSITORY

    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "IPYTHONDIR": str(folder / "ipython")}


@pytest.fixture(scope="module")
def cold(folder, environment):
    """A first kernel, whose torch cache is empty."""
    probe = (
        "import json; from megacache import process\n"
        "print(json.dumps([each.summary() for each in process.process.sessions]))"
    )
    cells = [
        SETUP,
        CELL,
        "%megacache status",
        "%%megacache quietly --quiet\nf(torch.zeros(4))",
        "%%megacache awaited --quiet\nimport asyncio\nawait asyncio.sleep(0)\n'awaited'",
        "%megacache export first.bin",
        "%megacache export first.html",
        "%megacache config",
        probe,
        NESTING,
        probe,
        "%megacache diff first.megacache first.megacache",
    ]
    return run(*cells, folder=folder, cache={**environment, "TORCHINDUCTOR_CACHE_DIR": str(folder / "cold")})


@pytest.fixture(scope="module")
def warm(cold, folder, environment):
    """A second kernel, with another empty torch cache: only the bundle can serve."""
    cells = [SETUP, CELL]
    return run(*cells, folder=folder, cache={**environment, "TORCHINDUCTOR_CACHE_DIR": str(folder / "warm")})


@pytest.fixture(scope="module")
def doubtful(folder, environment):
    """A kernel with a bundle that others may write; nothing is compiled in it."""
    with Bundle.create(folder / "open.megacache") as bundle:
        bundle.append(*small_recording())
    (folder / "open.megacache").chmod(0o666)
    cells = [
        SETUP,
        "%megacache load open.megacache",
        "%megacache load open.megacache --trust",
        "%%megacache x --bundle open.megacache --no-widget\n'ran'",
        "%%megacache y --bundle open.megacache --no-widget --trust\n'ran'",
    ]
    return run(*cells, folder=folder, cache=environment, allows_errors=True)


def test_a_bundle_that_is_doubted_is_loaded_only_when_it_is_said_so(doubtful):
    refused = "open.megacache is not loaded, since loading a cache runs its code: everyone may write it"
    assert refused in complained(doubtful[1])
    # Behind the gate: the small recording is of another system.
    assert "nothing of open.megacache was loaded" in complained(doubtful[2])


def test_a_cell_with_a_bundle_that_is_doubted_runs_cold_and_says_so(doubtful):
    for cell in doubtful[3:]:
        (result,) = outputs(cell, "execute_result")
        assert result.data["text/plain"] == "'ran'"
    assert "session 'x' starts cold: open.megacache is not loaded" in complained(doubtful[3])
    assert "refused: its bundle is not trusted: everyone may write it" in printed(doubtful[3])
    assert complained(doubtful[4]) == ""
    assert "is not trusted" not in printed(doubtful[4])


def test_value_of_the_cell_is_its_out(cold):
    (result,) = outputs(cold[1], "execute_result")
    assert result.data["text/plain"] == "[1.0, 1.0, 1.0, 1.0]"
    assert result.execution_count == cold[1].execution_count == 2


def test_tree_is_shown_below_the_cell(cold):
    html = html_of(cold[1])
    for part in ("first", "0/0", "aot_autograd", "inductor"):
        assert part in html


def test_one_line_says_what_was_captured_and_saved(cold):
    (line,) = printed(cold[1]).splitlines()
    assert line.startswith("megacache first: 1 compile (0 recompiles)")
    assert "first.megacache" in line


def test_quiet_shows_nothing_but_the_value(cold):
    assert [output.output_type for output in cold[3].outputs] == ["execute_result"]


def test_await_works_as_without(cold):
    (result,) = outputs(cold[4], "execute_result")
    assert result.data["text/plain"] == "'awaited'"


def test_status_names_the_sessions(cold):
    assert "session first: 1 compile " in printed(cold[2])


def test_every_cell_is_a_session_of_its_own(cold):
    summaries = json.loads(printed(cold[8]))
    assert len(summaries) == 4  # the process's own, and three cells
    assert summaries[1].startswith("1 compile ")
    assert summaries[2].startswith("0 compiles")


def test_cell_that_runs_another_keeps_its_session(cold):
    summaries = json.loads(printed(cold[10]))
    assert summaries[-1].startswith("1 compile ")


def test_tree_is_text_where_there_is_no_html(cold):
    (shown,) = outputs(cold[1], "display_data")
    assert "Node(" not in shown.data["text/plain"]
    assert "guarded code 0/0" in shown.data["text/plain"]


def test_diff_of_a_bundle_and_itself_finds_nothing(cold):
    (result,) = outputs(cold[11], "execute_result")
    assert result.data["text/plain"].splitlines()[:2] == ["only in first.megacache: no artifact"] * 2
    assert "<table>" in result.data["text/html"]


def test_export_writes_torchs_own_container(cold, folder):
    from megacache.bundle.torch_format import read_artifacts

    artifacts = read_artifacts((folder / "first.bin").read_bytes())
    assert sorted(artifact.artifact_type for artifact in artifacts) == ["aot_autograd", "inductor"]


def test_export_writes_a_page(cold, folder):
    assert 'id="megacache-tree"' in (folder / "first.html").read_text()


def test_second_kernel_hits_every_artifact(warm):
    (line,) = printed(warm[1]).splitlines()
    assert "4 hit" in line  # the guarded code, its AOT and FX artifacts, its kernel
    (result,) = outputs(warm[1], "execute_result")
    assert result.data["text/plain"] == "[1.0, 1.0, 1.0, 1.0]"


def test_cell_of_the_session_is_kept(warm, folder):
    from megacache.bundle import Bundle

    with Bundle.open(folder / "first.megacache") as bundle:
        recording = bundle.recording()
    assert [session.name for session in recording.sessions] == ["first", "first"]
    assert {session.cell for session in recording.sessions} == {CELL.partition("\n")[2]}
    (code,) = {code.code_id: code for code in recording.codes}.values()  # the same cell in two kernels is one code
    assert code.filename == f"<cell {recording.sessions[0].cell_digest[:8]}>"
    assert code.module == "__main__"


@pytest.mark.parametrize(
    ("cell", "name", "message"),
    [
        ("%%megacache x\n1 / 0", "ZeroDivisionError", "division by zero"),
        ("%%megacache x --bundel y\nraise SystemError('must not run')", "UsageError", "usage: %%megacache"),
        ("%%megacache x --bundle first.bin\nraise SystemError('must not run')", "RejectedError", "first.bin"),
        ("%%megacache x --autosave\nraise SystemError('must not run')", "RejectedError", "has no bundle"),
        ("%megacache dance", "UsageError", "usage: %megacache"),
        ("%megacache load nowhere.megacache", "UsageError", "nowhere.megacache"),
        ("%megacache diff nowhere.megacache first.megacache", "UsageError", "nowhere.megacache"),
    ],
)
def test_error_is_the_users_own_or_one_clear_line(cell, name, message, cold, folder, environment):
    with pytest.raises(CellExecutionError) as failure:
        run(SETUP, cell, folder=folder, cache=environment)
    assert message in str(failure.value)
    assert "must not run" not in str(failure.value).replace(cell, "")
    assert name in str(failure.value)
    assert "magics.py" not in str(failure.value)


def test_traceback_is_as_without_megacache(cold, folder, environment):
    def traceback_of(first_line):
        with pytest.raises(CellExecutionError) as failure:
            run(SETUP, f"{first_line}\ndef g():\n    return 1 / 0\ng()", folder=folder, cache=environment)
        text = re.sub(r"\x1b\[[0-9;]*m", "", failure.value.traceback)
        return text.replace(first_line, "").splitlines()

    assert traceback_of("%%megacache x --quiet") == traceback_of("# a comment")


@pytest.fixture(scope="module")
def watched(folder, environment):
    """A kernel whose cells show the explorer, and then one without a front end."""
    cells = [
        SETUP,
        WATCHED,
        "print(seen)",
        "%megacache explore",
        "%megacache explore watched.megacache",
        UNBUILT,
        "%%megacache without\nf(torch.ones(2, 2))",
    ]
    return run(*cells, folder=folder, cache={**environment, "TORCHINDUCTOR_CACHE_DIR": str(folder / "watched")})


def test_the_explorer_is_shown_around_the_cells_own_output(watched):
    outputs = [output for output in watched[1].outputs if output.get("name") != "stderr"]  # there torch may warn
    kinds = [output.output_type for output in outputs]
    assert kinds == ["display_data", "display_data", "stream", "execute_result", "stream"]
    live, static, own, result, line = outputs
    assert WIDGET in live.data
    assert own.text == "from the cell\n"
    assert result.data["text/plain"] == "[3.0, 3.0, 3.0, 3.0]"
    assert line.text.startswith("megacache watched: 1 compile")
    assert WIDGET not in static.data


def test_the_static_summary_is_as_it_was_at_the_end(watched):
    html = html_of(watched[1])
    assert 'class="mc-static" data-mc="' in html
    for part in ("watched", "0/0", "aot_autograd", "inductor"):
        assert part in html


def test_the_explorer_is_filled_while_the_cell_runs(watched):
    seen = json.loads(printed(watched[2]).replace("True", "true").replace("False", "false"))
    assert seen[0] is True
    assert seen[-1] is False


def test_explore_shows_what_was_captured_and_a_bundle(watched):
    for cell, name in ((watched[3], "this process"), (watched[4], "watched.megacache")):
        live, static = outputs(cell, "display_data")
        assert name in live.data["text/plain"]
        assert "0/0" in static.data["text/html"]


def test_without_a_front_end_the_tree_is_shown_and_one_line_says_why(watched):
    (tree,) = outputs(watched[6], "display_data")
    assert "recompile 0/1" in tree.data["text/plain"]
    lines = printed(watched[6]).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["megacache without", "megacache shows text"]
    assert "make front-end" in lines[1]
