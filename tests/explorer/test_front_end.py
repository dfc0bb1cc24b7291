import pickle

import pytest

from megacache.errors import FrontEndError
from megacache.explorer import front_end


def test_built_files_are_found():
    assert front_end.built("widget.js").read_text().startswith("export default")
    assert front_end.styles().startswith(".mc-explorer")


@pytest.mark.parametrize(
    ("name", "read"), [("widget.js", lambda: front_end.built("widget.js")), ("explorer.css", front_end.styles)]
)
def test_what_was_not_built_is_an_error_that_says_how(built, name, read):
    (built / name).unlink()
    with pytest.raises(FrontEndError, match="make front-end") as failure:
        read()
    assert failure.value.path == str(built / name)
    assert str(pickle.loads(pickle.dumps(failure.value))) == str(failure.value)  # noqa: S301
