"""Two stored runs held against each other, with the fake engine's exact numbers."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from make import open_repeating_arms

from harness import store
from harness.ab.job import run_ab
from harness.ab.model import ABResult, ABSettings
from harness.cli import main
from harness.compare.confirm import Confirmation, Means, confirm
from harness.compare.job import compare_runs, find_pair
from harness.core.decision import Change, Decision
from harness.core.errors import InputError, NotFoundError
from harness.core.record import Record
from harness.core.suite import Gate
from harness.store.header import SEALED, run_folder, write_header
from harness.store.merge import merge
from harness.store.parquet import write_run

Call = Callable[..., tuple[int, str, str]]
Store = Callable[..., str]
Runs = dict[str, str]

pytestmark = pytest.mark.xdist_group("compare")  # they share measured runs

LATER = "20990101T000000Z-aaaaaa"
P50 = ("--metric", "latency/p50")
FAKE: dict[str, Any] = {
    "call_ns": [1_000, 1_200, 1_100],
    "memory": {"after_import": 20_000_000, "after_session": 35_000_000, "peak": 50_000_000},
    "outputs": {"y": [[0.1, 0.9], [0.8, 0.2]]},
}
SLOW = {"call_ns": [1_100, 1_320, 1_210]}
"""Ten percent slower than the fake model."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Measure what most tests start from, once: the results folder, and the runs by name."""
    folder = tmp_path_factory.mktemp("measured")
    wide = {"axes": {"batch": [1, 2]}}
    crash = {"cases": [{"when": {"batch": 2}, "fail": {"at": "timing", "how": "signal"}}]}
    plans: dict[str, tuple[int, dict[str, Any], dict[str, Any]]] = {
        "base": (1, {}, {}),
        "slow": (1, SLOW, {}),
        "base3": (3, {}, {}),
        "same3": (3, {}, {}),
        "slow3": (3, {**SLOW, "version": "2.0"}, {}),
        "wide": (1, {}, wide),
        "broken": (1, crash, wide),
        "lost": (1, {"fail": {"at": "session", "how": "unsupported"}}, {}),
        "right": (1, {"outputs": outputs(wrong=2)}, labelled(folder)),
        "wrong": (1, {"outputs": outputs(wrong=12)}, labelled(folder)),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HARNESS_CACHE", str(folder / "cache"))
        for name, (processes, model, keys) in plans.items():
            fake = {**FAKE, **model}
            document = {
                "models": {"m": {"source": {"fake": fake}, **keys.pop("model", {})}},
                "sampling": {"warmup_calls": 1, "warmup_seconds": 0, "calls": 300, "processes": processes},
                **keys,
            }
            Path("fake.yaml").write_text(yaml.safe_dump(document))
            with redirect_stdout(io.StringIO()):
                main(["run", "fake.yaml", "--results", name])
        found = {name: store.find_run(folder / name, "latest") for name in plans}
        merge([folder / name for name in plans], folder / "results")
    return folder / "results", {name: info.run for name, info in found.items()}


@pytest.fixture
def results(measured: tuple[Path, dict[str, str]], tmp_path: Path) -> Path:
    """The measured runs, in a folder of the test's own."""
    return Path(shutil.copytree(measured[0], tmp_path / "results"))


@pytest.fixture
def runs(measured: tuple[Path, dict[str, str]], results: Path) -> dict[str, str]:
    """The measured runs by name."""
    return measured[1]


def outputs(wrong: int) -> dict[str, list[list[float]]]:
    """Answers to 40 samples of class 0, the last `wrong` of them wrong."""
    return {"y": [[0.9, 0.1]] * (40 - wrong) + [[0.1, 0.9]] * wrong}


def labelled(folder: Path) -> dict[str, Any]:
    """A model's data: 50 samples of class 0, of which 10 are set apart."""
    path = folder / "data.npz"
    np.savez(path, x=np.zeros((50, 4), np.float32), y=np.zeros(50, np.int64))
    return {"model": {"data": {"npz": str(path), "calibration": 10}}}


@pytest.fixture
def again(results: Path) -> Store:
    """Store a run once more under another identifier: its header and every record changed."""

    def copy(
        run: str,
        name: str,
        header: dict[str, Any] | None = None,
        change: Callable[[Record], Record] = lambda record: record,
        **changes: Any,
    ) -> str:
        records = [change(replace(item, run=name, **changes)) for item in store.records(results, run)]
        folder = run_folder(results, name)
        folder.mkdir()
        columns = write_run(folder / SEALED, records)
        old = store.find_run(results, run).header
        write_header(folder, replace(old, run=name, columns=columns, files={}, **(header or {})))
        return name

    return copy


def found(harness: Call, *arguments: object) -> tuple[int, dict[str, Any]]:
    """Run `harness compare`; give the exit code and the JSON that it printed."""
    code, out, _ = harness("compare", *arguments, "--format", "json")
    document: dict[str, Any] = json.loads(out)
    return code, document


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {item["metric"]: item["verdict"] for item in document["comparisons"]}


def test_a_slowdown_between_three_processes_a_side_is_a_regression(runs: Runs, harness: Call) -> None:
    base, head = runs["base3"], runs["slow3"]
    code, document = found(harness, base, head, *P50)
    (p50,) = document["comparisons"]
    assert code == 1
    assert (p50["case"], p50["verdict"], p50["blocks"]) == ("m", "regression", 3)
    assert (p50["base"], p50["head"]) == (pytest.approx(1.1e-6), pytest.approx(1.21e-6))
    assert p50["ratio"] == pytest.approx(1.1)
    assert (document["base"]["run"], document["head"]["run"]) == (base, head)


def test_faster_is_an_improvement_and_exits_with_0(runs: Runs, harness: Call) -> None:
    base, head = runs["slow3"], runs["base3"]
    code, document = found(harness, base, head, *P50)
    assert (code, verdicts(document)) == (0, {"latency/p50": "improvement"})


def test_what_did_not_change_is_equivalent(runs: Runs, harness: Call) -> None:
    base, head = runs["base3"], runs["same3"]
    code, document = found(harness, base, head, "--metric", "latency/*", "--metric", "model/size")
    assert code == 0
    assert set(verdicts(document).values()) == {"equivalent"}
    code, out, _ = harness("compare", base, head, *P50)
    assert "1 case, 1 comparison: 1 equivalent" in out
    assert "regression" not in out


def test_the_least_change_of_interest_is_chosen(runs: Runs, harness: Call) -> None:
    base, head = runs["base3"], runs["slow3"]
    code, document = found(harness, base, head, *P50, "--min-effect", "15%")
    assert (code, verdicts(document)) == (0, {"latency/p50": "equivalent"})
    assert document["comparisons"][0]["min_effect"] == 0.15
    code, out, err = harness("compare", base, head, "--min-effect", "lots")
    assert (code, out) == (2, "")
    assert err.startswith("error: --min-effect: expected a ratio")


def test_single_processes_without_a_history_decide_nothing(runs: Runs, harness: Call) -> None:
    base, head = runs["base"], runs["slow"]
    code, document = found(harness, base, head, *P50)
    assert (code, verdicts(document)) == (0, {"latency/p50": "inconclusive"})
    assert document["comparisons"][0]["p"] is None
    _, out, _ = harness("compare", base, head, *P50)
    assert "between single processes, and nothing is known of the noise between them" in out


def nights(run: str, again: Store, results: Path, sd: float, number: int = 12) -> list[str]:
    """Store earlier runs whose p50 varies by `sd`."""
    (record,) = store.records(results, run)
    made = []
    for index, noise in enumerate(np.random.default_rng(0).normal(0, sd, number)):
        p50 = record.metrics["latency/p50"]
        metrics = {**record.metrics, "latency/p50": replace(p50, value=p50.value * float(np.exp(noise)))}
        made.append(again(run, f"20200101T0000{index:02d}Z-aaaaaa", metrics=metrics))
    return made


def test_single_processes_are_decided_by_the_noise_of_earlier_runs(
    runs: Runs, again: Store, results: Path, harness: Call
) -> None:
    base, head = runs["base"], runs["slow"]
    nights(base, again, results, sd=0.005)
    code, document = found(harness, base, head, *P50)
    (p50,) = document["comparisons"]
    assert (code, p50["verdict"], p50["blocks"]) == (1, "regression", 1)
    assert "where runs vary by" in p50["reason"]


def test_earlier_runs_that_vary_much_decide_nothing(
    runs: Runs, again: Store, results: Path, harness: Call
) -> None:
    base, head = runs["base3"], runs["slow3"]
    nights(base, again, results, sd=0.10)
    code, document = found(harness, base, head, *P50)
    assert (code, verdicts(document)) == (0, {"latency/p50": "inconclusive"})
    assert document["comparisons"][0]["mde"] > 0.2


def test_later_runs_are_no_noise(runs: Runs, again: Store, results: Path, harness: Call) -> None:
    early = nights(runs["base"], again, results, sd=0.005)
    _, document = found(harness, early[0], early[9], *P50)
    assert document["comparisons"][0]["p"] is None  # nine runs before it


def test_unlike_machines_are_refused_by_name(runs: Runs, again: Store, harness: Call) -> None:
    base = runs["base"]
    head = again(base, LATER, machine="elsewhere", header={"machine": "elsewhere"})
    code, document = found(harness, base, head)
    machine = document["refused"]["m"][0]
    assert code == 2
    assert machine.startswith("machine: ")
    assert machine.endswith(" / elsewhere")
    assert set(verdicts(document)) == {"model/size", "accuracy/repeatable", "accuracy/nonfinite"}
    code, out, err = harness("compare", base, head)
    assert "Timings not compared, measured unlike: 1" in out
    assert err == "error: no timing was compared: every case was measured unlike in the two runs\n"
    assert found(harness, base, head, "--metric", "accuracy/*")[0] == 0


def test_unlike_sampling_is_refused_by_name_and_other_cases_are_compared(
    runs: Runs, again: Store, results: Path, harness: Call
) -> None:
    seconds = {"sampling": {"processes": 1, "seconds": 1.0, "calls": None}}

    def longer(record: Record) -> Record:
        return replace(record, asked=seconds) if record.case == "m" else record

    head = again(runs["wide"], LATER, change=longer)
    code, document = found(harness, runs["wide"], head)
    assert (code, document["refused"]) == (0, {"m": ["sampling: calls / seconds"]})
    compared = {item["case"] for item in document["comparisons"] if item["metric"] == "latency/p50"}
    assert compared == {"m/batch=2"}


def test_runs_without_a_common_case_are_refused(runs: Runs, again: Store, harness: Call) -> None:
    head = again(runs["base"], LATER, case="other")
    code, out, err = harness("compare", runs["base"], head)
    assert (code, out) == (2, "")
    assert err == f"error: runs {runs['base']} and {head} have no case in common\n"


def test_a_loss_of_accuracy_is_found_in_the_stored_answers(runs: Runs, harness: Call) -> None:
    base, head = runs["right"], runs["wrong"]
    code, document = found(harness, base, head, "--metric", "accuracy/top1")
    (top1,) = document["comparisons"]
    assert code == 1
    assert (top1["base"], top1["head"], top1["blocks"]) == (0.95, 0.7, 40)
    assert top1["verdict"] == "regression"
    assert top1["p"] == pytest.approx(2**-10)
    assert top1["reason"].startswith("10 of 40 samples lost, 0 gained: -25.00%")
    _, out, _ = harness("compare", base, head, "--metric", "accuracy/top1")
    assert "-25.00 points" in out


def test_a_case_that_crashes_now_is_a_regression(runs: Runs, harness: Call) -> None:
    code, document = found(harness, runs["wide"], runs["broken"])
    first = document["comparisons"][0]
    assert code == 1
    assert (first["case"], first["metric"], first["verdict"]) == ("m/batch=2", "status", "regression")
    assert first["reason"].startswith("ok in base, crashed in head: ")
    assert list(document["bad"]) == ["m/batch=2"]
    code, document = found(harness, runs["broken"], runs["wide"])
    assert (code, document["bad"]) == (0, {})
    assert [item["verdict"] for item in document["comparisons"] if item["metric"] == "status"] == [
        "improvement"
    ]


def test_a_case_that_fails_in_both_runs_exits_with_3(runs: Runs, again: Store, harness: Call) -> None:
    head = again(runs["broken"], LATER)
    code, out, _ = harness("compare", runs["broken"], head)
    assert code == 3
    assert "Failed in HEAD: 1\n  crashed: " in out


def test_cases_of_one_run_only_are_named(runs: Runs, harness: Call) -> None:
    _, document = found(harness, runs["base"], runs["wide"])
    assert (document["only_base"], document["only_head"]) == ([], ["m/batch=2"])
    _, out, _ = harness("compare", runs["wide"], runs["base"])
    assert "Only in BASE: 1\n  m/batch=2" in out


LATE = "latency/p99 max_increase 5% against base"
NONE_YET = ("no data", "no base record of this case")


def test_gates_of_head_are_held_against_base(runs: Runs, again: Store, harness: Call) -> None:
    gates = [
        Gate("latency/p50", max_increase=0.05, against="anchor"),
        Gate("memory/peak", max=60e6),
        Gate("latency/p99", max_increase=0.05),
        Gate("latency/p50", max=1.0, case={"batch": ["2"]}),
    ]
    head = again(runs["wide"], LATER, {"gates": tuple(map(asdict, gates))})
    code, document = found(harness, runs["slow"], head)
    told = {(gate["gate"], gate["case"]): (gate["outcome"], gate["reason"]) for gate in document["gates"]}
    assert code == 3  # the gate on p99 has no data
    assert told.pop((LATE, "m"))[0] == "no data"
    assert "662" in told.pop((LATE, "m/batch=2"))[1]
    assert told == {
        ("latency/p50 max_increase 5% against base", "m"): ("passed", "1.1 µs ≤ 1.27 µs (base: 1.21 µs)"),
        ("latency/p50 max_increase 5% against base", "m/batch=2"): NONE_YET,
        ("memory/peak max 60 MB", "m"): ("passed", "50 MB ≤ 60 MB"),
        ("memory/peak max 60 MB", "m/batch=2"): ("passed", "50 MB ≤ 60 MB"),
        ("latency/p50 max 1 s", "m/batch=2"): ("passed", "1.1 µs ≤ 1 s"),
    }


def test_a_gate_that_fails_exits_with_1(runs: Runs, again: Store, harness: Call) -> None:
    gate = asdict(Gate("latency/p50", max_increase=0.05))
    head = again(runs["slow"], LATER, {"gates": (gate,)})
    code, out, _ = harness("compare", runs["base"], head)
    assert code == 1
    assert "Gates failed: 1" in out
    assert "latency/p50 max_increase 5% against base: 1.21 µs > 1.16 µs (base: 1.1 µs)" in out


def test_a_gate_on_another_machine_is_no_data(runs: Runs, again: Store, harness: Call) -> None:
    header = {"machine": "elsewhere", "gates": (asdict(Gate("latency/p50", max_increase=0.05)),)}
    head = again(runs["base"], LATER, header, machine="elsewhere")
    _, document = found(harness, runs["base"], head)
    (gate,) = document["gates"]
    assert gate["outcome"] == "no data"
    assert gate["reason"].startswith("base: measured unlike, machine: ")


def test_what_else_differs_is_named(runs: Runs, harness: Call) -> None:
    base, head = runs["base3"], runs["slow3"]
    _, document = found(harness, base, head, *P50)
    causes = {cause["field"]: cause for cause in document["causes"]}
    assert causes["runtime"] == {
        "field": "runtime",
        "before": "1.0",
        "after": "2.0",
        "away": 0,
        "cases": ["m"],
    }
    assert "model" in causes
    _, out, _ = harness("compare", base, head, *P50)
    assert "  runtime: 1.0 -> 2.0 (1 case)" in out.partition("What else differs")[2]


def test_only_the_cases_and_metrics_asked_for_are_tested(runs: Runs, again: Store, harness: Call) -> None:
    base, head = runs["wide"], again(runs["wide"], LATER)
    _, document = found(harness, base, head, "--only", "batch=2", "--metric", "memory/*")
    assert {item["case"] for item in document["comparisons"]} == {"m/batch=2"}
    assert set(verdicts(document)) == {"memory/session", "memory/peak"}
    code, out, err = harness("compare", base, head, "--only", "batch=3")
    assert (code, out) == (2, "")
    assert err == f"error: runs {base} and {head} have no case in common that --only leaves\n"
    code, _, err = harness("compare", base, head, "--metric", "latency/50")
    assert code == 2
    assert "--metric latency/50: runs are not compared by it; did you mean 'latency/p50'?" in err


def test_every_format_has_every_comparison(runs: Runs, harness: Call) -> None:
    base, head = runs["base3"], runs["slow3"]
    _, document = found(harness, base, head)
    _, out, _ = harness("compare", base, head, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["metric"] for row in rows] == [item["metric"] for item in document["comparisons"]]
    _, out, _ = harness("compare", base, head, "--format", "markdown", "--all")
    assert out.count("\n| m |") == len(rows)
    _, out, _ = harness("compare", base, head, "--all")
    assert out.count("\nm  ") == len(rows)
    assert "Not in the table" not in out


def test_refused_cases_are_rows_of_the_csv(runs: Runs, again: Store, harness: Call) -> None:
    base = runs["base"]
    head = again(base, LATER, machine="elsewhere", header={"machine": "elsewhere"})
    _, out, _ = harness("compare", base, head, *P50, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(out))
    assert (row["case"], row["metric"], row["verdict"]) == ("m", "timings", "refused")
    assert row["reason"].endswith("/ elsewhere")


FIRST, SECOND, THIRD, OTHER = (f"2020010{day}T000000Z-aaaaaa" for day in (1, 2, 3, 4))


@pytest.fixture
def three(runs: Runs, results: Path, again: Store) -> None:
    """Nothing but three nights of one suite, then one of another."""
    for day, run, commit in ((1, FIRST, "1111aaaa"), (2, SECOND, "2222bbbb"), (3, THIRD, "3333cccc")):
        header = {"started_at": f"2020-01-{day:02d}T00:00:00+00:00", "commit": commit + "0" * 32}
        again(runs["base"], run, header)
    again(runs["base"], OTHER, {"suite": "other"}, suite="other")
    for run in runs.values():
        shutil.rmtree(run_folder(results, run))


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("base", "head", "pair"),
    [
        ("previous", "2020-01-03", (SECOND, THIRD)),
        ("previous", SECOND, (FIRST, SECOND)),
        ("anchor", "2020-01-03", (FIRST, THIRD)),
        ("1111aa", "3333cc", (FIRST, THIRD)),
        ("2020-01-02", "2020-01-01", (SECOND, FIRST)),
        ("latest", SECOND, (THIRD, SECOND)),
        (FIRST, "latest", (FIRST, OTHER)),
    ],
)
def test_base_is_a_run_like_head(results: Path, base: str, head: str, pair: tuple[str, str]) -> None:
    store.set_anchor(results, store.find_run(results, FIRST))
    assert tuple(info.run for info in find_pair(results, base, head)) == pair


@pytest.mark.usefixtures("three")
def test_what_cannot_be_a_pair_is_said(results: Path) -> None:
    with pytest.raises(InputError, match=f"are both run {THIRD}; name two runs"):
        find_pair(results, "latest", THIRD)
    with pytest.raises(NotFoundError, match=f"no finished run before {FIRST} of the same suite and machine"):
        find_pair(results, "previous", FIRST)
    with pytest.raises(NotFoundError, match="suite 'fake' has no anchor"):
        find_pair(results, "anchor", THIRD)
    with pytest.raises(NotFoundError, match="no run 'nonsense'"):
        find_pair(results, "nonsense", THIRD)
    assert find_pair(results, "previous", "latest", suite="fake")[1].run == THIRD


def test_a_revision_of_the_suites_repository_names_a_run(
    runs: Runs, again: Store, harness: Call, tmp_path: Path
) -> None:
    def git(*words: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
        command = ["git", *identity, *words]
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    pair = []
    for run, tag in (("base3", "v1"), ("slow3", "v2")):
        git("commit", "-q", "--allow-empty", "-m", tag)
        git("tag", tag)
        header = {"commit": git("rev-parse", "HEAD"), "suite_path": str(tmp_path / "fake.yaml")}
        pair.append(again(runs[run], f"2099010{len(pair) + 1}T000000Z-aaaaaa", header))
    code, document = found(harness, "v1", "HEAD", *P50)
    assert code == 1
    assert [document["base"]["run"], document["head"]["run"]] == pair


def test_an_unfinished_run_is_compared_and_said_to_be_so(runs: Runs, results: Path, harness: Call) -> None:
    base = runs["base3"]
    (record,) = store.records(results, base)
    header = store.find_run(results, base).header
    with store.new_run(results, replace(header, cases=7)) as journal:
        journal.append(replace(record, run=journal.run))
        head = journal.run
    code, document = found(harness, base, head, *P50)
    assert (code, document["head"]["unfinished"]) == (0, "unfinished, 1 of 7 cases so far")
    _, out, _ = harness("compare", base, head, *P50)
    assert f"HEAD  {head} (" in out
    assert "unfinished, 1 of 7 cases so far)" in out


def test_nothing_is_run_again_where_nothing_looks_worse(runs: Runs, results: Path, harness: Call) -> None:
    code, document = found(harness, runs["base3"], runs["same3"], *P50, "--confirm")
    assert (code, document["retested"]) == (0, [])
    assert document["notes"] == ["A/B: nothing looks worse, so none was run"]
    assert not (results / "ab").exists()


def test_what_cannot_be_run_again_keeps_its_verdict_and_says_why(runs: Runs, harness: Call) -> None:
    code, document = found(harness, runs["base3"], runs["slow3"], *P50, "--confirm")
    (p50,) = document["comparisons"]
    assert (code, p50["verdict"]) == (1, "regression")
    assert f"; no A/B: the runtime of run {runs['base3']} cannot be had: " in p50["reason"]
    assert document["notes"] == ["A/B: none could be run"]


def test_an_interrupted_ab_keeps_what_the_runs_show(runs: Runs, harness: Call, parts: dict[str, Any]) -> None:
    def interrupted(*_: Any, **__: Any) -> Confirmation:
        decision = Decision(verdict=Change.INCONCLUSIVE, reason="interrupted after 3 blocks")
        trial = ABResult(
            job="j",
            settings=ABSettings(),
            base={},
            head={},
            comparisons=(),
            control=None,
            interrupted=True,
            file="f",
        )
        return Confirmation({("m", "latency/p50"): decision}, {}, trial)

    parts["confirm"] = interrupted
    code, document = found(harness, runs["base3"], runs["slow3"], *P50, "--confirm")
    (p50,) = document["comparisons"]
    assert (code, p50["verdict"], document["interrupted"]) == (130, "regression", True)
    assert p50["reason"].endswith("an A/B has no verdict: interrupted after 3 blocks")
    assert document["notes"][0].startswith("interrupted: ")


def test_an_interrupt_before_the_ab_keeps_what_the_runs_show(
    runs: Runs, harness: Call, parts: dict[str, Any]
) -> None:
    def interrupted(*_: Any, **__: Any) -> Confirmation:
        raise KeyboardInterrupt

    parts["confirm"] = interrupted
    code, document = found(harness, runs["base3"], runs["slow3"], *P50, "--confirm")
    assert (code, verdicts(document)) == (130, {"latency/p50": "regression"})
    assert document["notes"] == ["interrupted before the A/B began"]


def test_an_alarm_follows_p50_though_the_table_leaves_p50_out(
    runs: Runs, harness: Call, parts: dict[str, Any]
) -> None:
    refuted = {("m", name): Decision(verdict=Change.EQUIVALENT) for name in ("latency/p50", "latency/p95")}
    parts["confirm"] = lambda *_, **__: Confirmation(refuted, {})
    code, document = found(
        harness, runs["base3"], runs["slow3"], "--metric", "throughput/*", "--confirm", "--all"
    )
    assert (code, set(verdicts(document).values())) == (0, {"inconclusive"})


@pytest.mark.slow
def test_suspects_are_settled_by_an_ab_of_what_the_runs_measured(
    suite: Callable[..., Path],
    records: Callable[..., list[dict[str, Any]]],
    harness: Call,
    parts: dict[str, Any],
) -> None:
    run = partial(run_ab, open_bench=open_repeating_arms)
    parts["confirm"] = partial(confirm, means=Means(run_ab=run))
    slow = {"call_ns": [1_100, 1_320, 1_210]}
    base, head = (records("run", suite(model))[0]["run"] for model in ({}, slow))
    code, document = found(harness, base, head, "--metric", "latency/*", "--confirm", "--budget", "30")
    decided = {item["metric"]: item for item in document["comparisons"]}
    p50 = decided["latency/p50"]
    assert (code, p50["verdict"], p50["ratio"]) == (1, "regression", pytest.approx(1.1))
    assert (p50["source"], p50["unconfirmed"]) == ("A/B", None)
    assert p50["reason"].startswith("+10.00%, shown to exceed 1.00%")
    assert decided["latency/p90"]["verdict"] == "inconclusive"
    assert {"case": "m", "metric": "latency/p50"} in document["retested"]


def test_a_comparison_reads_runs_and_changes_nothing(runs: Runs, results: Path) -> None:
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    compare_runs(results, *find_pair(results, runs["base3"], runs["slow3"]))
    assert {path: path.read_bytes() for path in results.rglob("*") if path.is_file()} == before


def test_a_case_that_ran_and_is_unsupported_now_is_a_regression(
    runs: Runs, again: Store, harness: Call
) -> None:
    code, document = found(harness, runs["base"], runs["lost"])
    (status,) = [item for item in document["comparisons"] if item["metric"] == "status"]
    assert (code, status["verdict"], status["source"]) == (1, "regression", "exact")
    assert status["reason"].startswith("ok in base, unsupported in head: ")
    assert found(harness, runs["lost"], runs["base"])[0] == 0
    assert found(harness, runs["lost"], again(runs["lost"], LATER))[0] == 3
