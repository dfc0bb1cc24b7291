"""Read every sample with an audit hook that notes whatever a reader must not do; print what came of each as JSON."""

import io
import json
import pickle
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pickle_samples import CONTAINERS, PICKLES

from megacache.bundle.inert_pickle import read_pickle
from megacache.bundle.placeholders import shown, walk
from megacache.bundle.torch_format import read_artifacts
from megacache.errors import MegacacheError

FORBIDDEN = ("os.", "subprocess.", "exec", "compile", "import", "pickle.find_class", "socket.", "ctypes.", "shutil.")
events: list[str] = []
watching = threading.Event()


def note(event: str, arguments: tuple) -> None:
    if not watching.is_set():
        return
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        events.append(f"open {arguments[0]} {arguments[1]}")
    elif event.startswith(FORBIDDEN):
        events.append(f"{event} {arguments[:1]}")


def outcome(read, data: bytes) -> dict:
    """Read one sample, walk all that it holds and write it, as the faces do."""
    events.clear()
    found = {"error": None, "message": "", "runs": [], "shown": "", "count": 0}
    started = time.perf_counter()
    watching.set()
    try:
        result = read(data)
        if read is read_pickle:
            found |= {"runs": list(result.callables), "shown": shown(result.value)}
            found["count"] = sum(1 for _ in walk(result.value))
        del result
    except MegacacheError as error:
        found |= {"error": type(error).__name__, "message": str(error), "runs": list(getattr(error, "callables", ()))}
    finally:
        watching.clear()
    return {**found, "events": list(events), "seconds": time.perf_counter() - started}


# Python finds its codecs when they are first asked for.
for protocol in range(6):
    read_pickle(pickle.dumps([{"a": 1.5, "b": b"x"}, "é", 10**30], protocol=protocol))
read_pickle(b"S'a'\n.")
sys.addaudithook(note)

watching.set()
pickle.loads(pickle.dumps(io.BytesIO))  # noqa: S301  the hook sees what a real load does
watching.clear()
seen = list(events)

print(
    json.dumps(
        {
            "seen": seen,
            "pickles": {name: outcome(read_pickle, each.data) for name, each in PICKLES.items()},
            "containers": {name: outcome(read_artifacts, data) for name, data in CONTAINERS.items()},
            "files": [each.name for each in Path.cwd().iterdir()],
            "torch": "torch" in sys.modules,
        }
    )
)
