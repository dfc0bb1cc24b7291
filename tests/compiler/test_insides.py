"""Insides: what PGO has seen is a table; the next process of the job starts from it, another one is told why not."""

import json

import pytest

from megacache.bundle import Bundle

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def runs(programs):
    """A job that saw two sizes, the same job again in a new process, and another job."""
    arguments = {"cold": ("job", 3, 5), "same": ("job", 7), "other": ("another", 7)}
    return {
        name: json.loads(programs.run("profiled", f"{programs.folder}/job.megacache", *each))
        for name, each in arguments.items()
    }


def sizes(facts):
    return {each["source"]: (each["size"], each["was"]) for each in facts["profile"]}


def test_the_table_tells_which_size_became_dynamic_and_from_what(runs):
    found = sizes(runs["cold"])
    assert found["x.size(0)"] == ("dynamic", "3")
    assert found["x.size(1)"] == ("4", None)
    assert {each["function"] for each in runs["cold"]["profile"]} == {"scaled"}
    assert {each["cache_key"].split(":")[0] for each in runs["cold"]["profile"]} == {"job"}
    assert [run["faults"] for run in runs.values()] == [[], [], []]


def test_only_the_last_state_of_a_job_counts(runs):
    assert len(runs["cold"]["keys"]) == 2  # one artifact for each state
    assert len(runs["cold"]["profile"]) == len(sizes(runs["cold"]))


def test_the_next_process_of_the_job_compiles_dynamically_at_once(runs):
    assert runs["same"]["compiles"] == ["0/0"]
    assert runs["same"]["dimensions"] == ["L['x'].size()[0]"]
    older, newest = (each["verdict"] for each in runs["same"]["verdicts"])
    assert (older, newest) == ("unused", "hit")
    assert "the newest is loaded" in runs["same"]["verdicts"][0]["reason"]


def test_another_job_is_told_which_job_id_it_would_need(runs):
    assert runs["other"]["dimensions"] == []
    verdict = runs["other"]["verdicts"][-1]
    assert verdict["verdict"] == "unused"
    assert verdict["reason"] == "torch reads it only when torch.compiler.config.job_id is 'job'"


def test_the_bundle_shows_every_job_in_one_table(runs, programs):
    with Bundle.open(programs.folder / "job.megacache") as bundle:
        table = bundle.tables.profile
    assert set(table["cache_key"].str.partition(":")[0]) == {"job", "another"}
    dynamic = table[table["size"] == "dynamic"]
    assert dynamic[["function", "source", "was"]].values.tolist() == [["scaled", "x.size(0)", "3"]]
