"""The matrix runs once for all tests that were chosen, and its table is shown at the end."""

from __future__ import annotations

import pytest
from warm_start.matrix import Matrix, Row, table

TABLE = pytest.StashKey[str]()


@pytest.fixture(scope="module")
def rows(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    """The rows of the cases that this session's tests ask for, by the case's id."""
    tests = [each for each in request.session.items if each.path == request.path and hasattr(each, "callspec")]
    items = [each.callspec.params["item"] for each in tests if "item" in each.callspec.params]
    found = Matrix(items, tmp_path_factory.mktemp("matrix"), jobs=2).run()
    request.config.stash[TABLE] = table(found)
    return {row.item.id: row for row in found}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the table."""
    shown = terminalreporter.config.stash.get(TABLE, "")
    if shown:
        terminalreporter.section("warm-start matrix")
        terminalreporter.write_line(shown)
