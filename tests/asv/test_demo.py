"""The made-up nights: ordinary records that say everywhere what they are."""

from pathlib import Path

import pytest

from harness import store
from harness.asv.demo import NIGHTS, STEPS, write_history
from harness.core.errors import InputError


def test_a_night_is_an_ordinary_sealed_run(tmp_path: Path) -> None:
    write_history(tmp_path, nights=2)
    first, second = store.runs(tmp_path)
    assert first.sealed and second.sealed
    assert (first.header.started_at, second.header.started_at) == (
        "2026-01-01T02:00:00+00:00",
        "2026-01-02T02:00:00+00:00",
    )
    assert len(store.records(tmp_path, first.run)) == first.header.cases == 8


def test_every_record_says_that_it_is_synthetic(tmp_path: Path) -> None:
    write_history(tmp_path, nights=1)
    for record in store.records(tmp_path):
        assert (record.suite, record.machine) == ("synthetic", "synthetic-machine")
        assert str(record.axes["model"]).startswith("synthetic_")
        assert record.notes == ("synthetic: made up by 'harness demo history', never measured",)
        assert record.effective["runtime"]["distribution"] == "synthetic"


def test_the_nights_are_the_same_every_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_history(tmp_path / name, nights=3)
    assert store.records(tmp_path / "a") == store.records(tmp_path / "b")
    write_history(tmp_path / "a", nights=3)
    assert store.records(tmp_path / "a") == store.records(tmp_path / "b")


def test_p50_can_be_computed_again_from_the_samples(tmp_path: Path) -> None:
    import numpy as np

    write_history(tmp_path, nights=1)
    for record in store.records(tmp_path):
        medians = np.median(np.array(record.samples["latency_ns"]), axis=1) * 1e-9
        assert record.metrics["latency/p50"].value == pytest.approx(float(np.exp(np.log(medians).mean())))
        p50 = record.metrics["latency/p50"]
        assert p50.low is not None and p50.high is not None and p50.value is not None
        assert p50.low < p50.value < p50.high


def test_there_is_a_step_of_each_kind() -> None:
    assert all(0 < step.night < NIGHTS for step in STEPS)
    assert [any(step.latency > 1 for step in STEPS), any(step.latency < 1 for step in STEPS)] == [True, True]
    assert [any(step.memory > 1 for step in STEPS), any(step.wrong > 1 for step in STEPS)] == [True, True]


def test_nothing_synthetic_is_put_beside_what_was_measured(results, stored, record, cell) -> None:
    stored(results, 0, [record(cell(), {"latency/p50": 1.0})])
    with pytest.raises(InputError, match="holds runs that were measured"):
        write_history(results)


def test_a_configuration_of_somebodys_own_is_left_alone(harness, configure, tmp_path: Path) -> None:
    before = configure(tmp_path).read_text()
    code, out, err = harness("demo", "history", "--nights", 2, "--results", tmp_path)
    assert (code, out) == (2, "")
    assert "asv.conf.json: is not of 'harness demo history'; choose another folder with --results" in err
    assert (tmp_path / "asv.conf.json").read_text() == before
    assert not (tmp_path / "runs").exists()


def test_the_command_publishes_a_dashboard(harness, tmp_path: Path) -> None:
    code, out, _ = harness("demo", "history", "--nights", 12)
    assert code == 0
    assert out == (
        "12 SYNTHETIC nights in results/demo; "
        "look at them with 'asv preview --config results/demo/asv.conf.json'\n"
    )
    assert (tmp_path / "results" / "demo" / "html" / "index.html").is_file()
    assert harness("demo", "history", "--nights", 12)[0] == 0
