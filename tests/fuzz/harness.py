"""Harness: fuzz one target with atheris.

    PYTHONPATH=.:tests python tests/fuzz/harness.py TARGET [libFuzzer's options] CORPUS...

`run.py` starts it for every target.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

import atheris  # noqa: E402  What is fuzzed is imported by it, and found by the path above.

with atheris.instrument_imports(include=["megacache", "pickletools"]):
    from fuzz.mutations import MUTATIONS
    from fuzz.targets import TARGETS


def main() -> None:
    """Read the inputs that are there once, so that nothing is imported later, then fuzz."""
    target, *options = sys.argv[1:]
    check, mutation = TARGETS[target], MUTATIONS[target]
    for folder in (each for each in options if not each.startswith("-")):
        for path in 3 * sorted(Path(folder).iterdir())[:50]:
            warm(check, path.read_bytes())

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        random = Random(seed)  # noqa: S311  no secret

        def change(some: bytes) -> bytes:
            return bytes(atheris.Mutate(some, max(len(some) + 64, 64)))

        return mutation(data, random, change)[:max_size]

    atheris.Setup([sys.argv[0], *options], lambda data: check(bytes(data)), custom_mutator=mutate)
    atheris.Fuzz()


def warm(check: object, data: bytes) -> None:
    """Let what a reader imports when it is first used be imported: that is no finding, and what is one comes again."""
    try:
        check(data)  # type: ignore[operator]
    except AssertionError:
        return


if __name__ == "__main__":
    main()
