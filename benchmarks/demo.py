"""The demo: compile a real sentence encoder, keep it in a bundle, and start it again in a fresh process.

Run it with `make demo`. Three processes of their own (eager, cold, warm) run the same sentences, each with an empty
torch cache directory and its compilers counted; this one compares their outputs and shows what the bundle holds. It
fails when an output is wrong, and when the warm process traced anything or started a compiler.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from compilers import CompilerLog
from rich.console import Console
from rich.table import Table

from encoder import encoded_batches, load_encoder

BUNDLE = Path("demo.megacache")
PAGE = Path("demo.html")
TOLERANCE = 1e-4

STARTED = time.perf_counter()


def main() -> None:
    """Run the demo, or one step of it in a process of its own."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--step", choices=["eager", "cold", "warm"])
    arguments.add_argument("--directory", type=Path)
    chosen = arguments.parse_args()
    if chosen.step is None:
        run_demo()
    elif chosen.step == "eager":
        run_eager(chosen.directory)
    else:
        run_compiled(chosen.step, chosen.directory)


def run_demo() -> None:
    """Run the three steps, compare their outputs, show the numbers, the tree and the files."""
    BUNDLE.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="megacache-demo-") as name:
        directory = Path(name)
        say("eager: the encoder as it is, for the right answers")
        run_step("eager", directory)
        say("cold: torch.compile with an empty cache; megacache records and saves")
        cold = run_step("cold", directory)
        say("warm: a fresh process, another empty cache; megacache loads the bundle")
        warm = run_step("warm", directory)
        differences = {step: largest_difference(directory, step) for step in ("cold", "warm")}
    write_page()
    show(cold, warm, differences)
    sys.exit("\n".join(failures(warm, differences)) or None)


def failures(warm: dict[str, Any], differences: dict[str, float]) -> list[str]:
    """Return what must not have happened and did."""
    found = []
    if max(differences.values()) > TOLERANCE:
        found.append(f"the compiled outputs differ from eager by more than {TOLERANCE}: {differences}")
    if warm["traced"]:
        found.append(f"the warm process traced {warm['traced']} times")
    if warm["compiled"]:
        found.append(f"the warm process compiled or linked with {warm['compiled']} compiler processes")
    return found


def run_step(step: str, directory: Path) -> dict[str, Any]:
    """Run one step in a fresh process whose torch cache is empty.

    Args:
        step: `eager`, `cold` or `warm`.
        directory: Where the step leaves its outputs and numbers.

    Returns:
        The numbers that the step measured.
    """
    log = CompilerLog(directory / f"compilers-{step}")
    environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(directory / f"torch-cache-{step}")}
    command = [sys.executable, __file__, "--step", step, "--directory", str(directory)]
    started = time.perf_counter()
    subprocess.run(command, env=log.watched(environment), check=True)
    process_s = time.perf_counter() - started
    numbers: dict[str, Any] = json.loads((directory / f"{step}.json").read_text())
    return {**numbers, **asdict(log.started()), "process_s": process_s}


def run_eager(directory: Path) -> None:
    """Run the encoder without compiling."""
    model, batches = load()
    outputs, seconds = run_batches(model, batches)
    leave(directory, "eager", outputs, {"seconds": seconds})


def run_compiled(step: str, directory: Path) -> None:
    """Compile the encoder inside a session on the bundle and run it."""
    import torch

    import megacache

    model, batches = load()
    started = time.perf_counter()
    with megacache.session(f"encoder, {step}", bundle=BUNDLE) as session:
        opened_s = time.perf_counter() - started
        outputs, seconds = run_batches(torch.compile(model), batches)
    saved = torch.compiler.save_cache_artifacts()
    statuses = Counter(session.tables.compiles["status"])
    numbers = {
        "seconds": [opened_s, *seconds],
        "served": statuses["served"],
        "traced": statuses.total() - statuses["served"],
        "verdicts": [(kind, verdict, count) for verdict, count, _, kind, _ in session.load_report.summary],
        "torch_bytes": len(saved[0]) if saved else 0,
    }
    leave(directory, step, outputs, numbers)


def load() -> tuple[Any, Any]:
    """Load the encoder and tokenize the sentences."""
    started = time.perf_counter()
    model, tokenizer = load_encoder()
    batches = encoded_batches(tokenizer)
    say_from_step(f"model loaded in {time.perf_counter() - started:.1f} s")
    return model, batches


def run_batches(model: Any, batches: Any) -> tuple[list[Any], list[float]]:
    """Run every batch once.

    Args:
        model: The encoder, compiled or not.
        batches: Titles and tensors.

    Returns:
        The last hidden states, and the seconds that each call took.
    """
    import torch

    outputs, seconds = [], []
    with torch.inference_mode():
        for title, tensors in batches:
            started = time.perf_counter()
            outputs.append(model(**tensors).last_hidden_state)
            seconds.append(time.perf_counter() - started)
            say_from_step(f"{title}, {tuple(tensors['input_ids'].shape)}: {seconds[-1]:.2f} s")
    return outputs, seconds


def leave(directory: Path, step: str, outputs: list[Any], numbers: dict[str, Any]) -> None:
    """Leave a step's outputs and numbers for the first process."""
    import torch

    torch.save(outputs, directory / f"{step}.pt")
    (directory / f"{step}.json").write_text(json.dumps(numbers))


def largest_difference(directory: Path, step: str) -> float:
    """Return how far a step's outputs are from eager ones, at most."""
    import torch

    pairs = zip(torch.load(directory / "eager.pt"), torch.load(directory / f"{step}.pt"), strict=True)
    return max(float((eager - compiled).abs().max()) for eager, compiled in pairs)


def write_page() -> None:
    """Write the explorer of the bundle as one HTML page."""
    import megacache

    with megacache.Bundle.open(BUNDLE) as bundle:
        bundle.export_html(PAGE)


def show(cold: dict[str, Any], warm: dict[str, Any], differences: dict[str, float]) -> None:
    """Show the numbers, the tree and the files."""
    import megacache

    console = Console(width=None if sys.stdout.isatty() else 116)
    console.print(times_table(cold, warm, differences))
    with megacache.Bundle.open(BUNDLE) as bundle:
        console.print(sizes_table(bundle.size_bytes, cold, warm))
        console.print(bundle.tree())
    console.print(f"\nbundle     {BUNDLE.resolve()}\nHTML page  {PAGE.resolve()}", highlight=False, soft_wrap=True)


def times_table(cold: dict[str, Any], warm: dict[str, Any], differences: dict[str, float]) -> Table:
    """Lay out the seconds of each call and what was traced and compiled, cold and warm."""
    from encoder import BATCHES

    table = Table(title="all-MiniLM-L6-v2, torch.compile, fresh processes", title_justify="left")
    table.add_column("step")
    for heading in ("cold", "warm", "cold / warm"):
        table.add_column(heading, justify="right")
    titles = ["opening the session", *(title for title, _ in BATCHES)]
    for title, cold_s, warm_s in zip(titles, cold["seconds"], warm["seconds"], strict=True):
        table.add_row(title, f"{cold_s:.2f} s", f"{warm_s:.2f} s", f"{cold_s / warm_s:.1f}x")
    cold_s, warm_s = sum(cold["seconds"]), sum(warm["seconds"])
    table.add_section()
    table.add_row("all of these", f"{cold_s:.2f} s", f"{warm_s:.2f} s", f"{cold_s / warm_s:.1f}x")
    cold_s, warm_s = cold["process_s"], warm["process_s"]
    table.add_row("whole process", f"{cold_s:.1f} s", f"{warm_s:.1f} s", f"{cold_s / warm_s:.1f}x")
    table.add_section()
    counted = {"traced": "guarded codes, traced", "served": "guarded codes, served", "compiled": "compiler processes"}
    for name, title in counted.items():
        table.add_row(title, f"{cold[name]}", f"{warm[name]}", "")
    table.add_row("largest difference from eager", f"{differences['cold']:.1e}", f"{differences['warm']:.1e}", "")
    return table


def sizes_table(bundle_bytes: int, cold: dict[str, Any], warm: dict[str, Any]) -> Table:
    """Lay out the verdicts of the warm start and the sizes on disk."""
    from megacache.views.units import format_bytes

    table = Table(show_header=False)
    for artifact_type, verdict, count in sorted(warm["verdicts"]):
        table.add_row(f"warm start, {artifact_type}", f"{count} {verdict}")
    table.add_section()
    table.add_row("bundle: two sessions, artifacts and every document", format_bytes(bundle_bytes))
    table.add_row("torch's own save_cache_artifacts(): artifacts alone", format_bytes(cold["torch_bytes"]))
    return table


def say(text: str) -> None:
    """Print one line of progress with the seconds since the start."""
    print(f"[{time.perf_counter() - STARTED:6.1f} s] {text}", flush=True)


def say_from_step(text: str) -> None:
    """Print one line of progress from inside a step."""
    print(f"             {text}", flush=True)


if __name__ == "__main__":
    main()
