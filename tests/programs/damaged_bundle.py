"""Load a bundle with one flipped byte in a pack, miss, and end the session; print what is left of it, as JSON."""

import json
import shutil
import sqlite3
import sys
import warnings

import torch

import megacache
from megacache.process import process


def damage(path):
    """Flip one byte in the middle of every pack."""
    with sqlite3.connect(path) as connection:
        for pack_id, frame in connection.execute("SELECT pack_id, frame FROM pack").fetchall():
            middle = len(frame) // 2
            flipped = frame[:middle] + bytes([frame[middle] ^ 1]) + frame[middle + 1 :]
            connection.execute("UPDATE pack SET frame = ? WHERE pack_id = ?", (flipped, pack_id))
    connection.close()


def main(bundle, copy):
    shutil.copyfile(bundle, copy)
    damage(copy)
    warnings.simplefilter("ignore")
    with megacache.session("damaged") as session:
        session.load(copy)
        torch.compile(lambda x: torch.tan(x) - 2)(torch.ones(6))
    report = session.save(f"{copy}.new.megacache")
    is_open = session in process.open
    megacache.disable()
    print(json.dumps({"is_open": is_open, "is_on": process.is_on, "saved": int(report.new_artifact_count > 0)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
