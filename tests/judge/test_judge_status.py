from dataclasses import replace

import pytest
from make import texts

from harness.core.case import Named, Session, freeze
from harness.core.record import Status
from harness.judge import judge

TIMING = {"samples_ns": [1000] * 10, "warmup_ns": [], "wall_ns": 10_000, "batch": 1}


def ended(facts, observation, **parts):
    """Status and reason of a case with one observation that has these parts."""
    case, strict = parts.pop("case", None), parts.pop("strict_provider", False)
    passes = parts.pop("asked", ("timing",))
    verdict = judge(facts(observation(**parts), case=case, strict_provider=strict, passes=passes))
    return verdict.status, verdict.reason


def test_a_case_that_ran_as_asked_is_ok(facts):
    verdict = judge(facts())
    assert (verdict.status, verdict.reason, texts(verdict)) == (Status.OK, "", ())


def test_a_signal_is_a_crash_with_its_name_and_the_tail_of_stderr(facts, observation):
    exit = {"code": None, "signal": 11, "stderr": "one\n\ntwo\nthree\nfour\n"}
    assert ended(facts, observation, timing={}, passes=("session",), exit=exit) == (
        Status.CRASHED,
        "the worker died of SIGSEGV (signal 11) in the timing pass; stderr ends: two | three | four",
    )


def test_pythons_own_trace_of_a_crash_is_not_the_tail_of_stderr(facts, observation):
    lines = ("what the runtime wrote", "Fatal Python error: Segmentation fault", "", "Current thread 0x0001:")
    trace = ('  File "<frozen runpy>", line 88 in _run_code', "", "Extension modules: numpy (total: 1)")
    exit = {"code": None, "signal": 11, "stderr": "\n".join((*lines, *trace))}
    assert ended(facts, observation, timing={}, passes=("session",), exit=exit)[1].endswith(
        "stderr ends: what the runtime wrote | Fatal Python error: Segmentation fault"
    )


def test_a_kill_hints_at_memory(facts, observation):
    reason = ended(facts, observation, timing={}, passes=(), exit={"signal": 9})[1]
    assert reason == "the worker died of SIGKILL (signal 9, perhaps for want of memory) in the timing pass"


def test_an_unknown_signal_is_a_number(facts, observation):
    assert ended(facts, observation, exit={"signal": 200})[1] == "the worker died of signal 200"


def test_a_timeout_is_a_timeout_although_the_worker_was_then_killed(facts, observation):
    exit = {"timeout": True, "signal": 9, "wall_s": 300.02}
    assert ended(facts, observation, timing={}, passes=("session",), exit=exit) == (
        Status.TIMEOUT,
        "no answer within 300 s in the timing pass",
    )


@pytest.mark.parametrize("status", ["unsupported", "failed"])
def test_an_error_of_the_worker_is_the_status_it_says(facts, observation, status):
    error = {"status": status, "pass": "session", "type": "Fail", "message": "no kernel for Foo(17)"}
    assert ended(facts, observation, timing={}, passes=(), error=error) == (
        Status(status),
        "session: no kernel for Foo(17)",
    )


def test_an_exit_code_is_a_failure(facts, observation):
    exit = {"code": 3, "stderr": "boom"}
    assert ended(facts, observation, timing={}, passes=("session",), exit=exit) == (
        Status.FAILED,
        "the worker exited with code 3 in the timing pass; stderr ends: boom",
    )


def test_a_pass_that_was_asked_for_and_is_missing_is_a_failure_that_keeps_the_rest(facts, observation):
    seen = observation(passes=("session", "memory", "timing"))
    verdict = judge(facts(seen, passes=("memory", "timing", "outputs")))
    assert (verdict.status, verdict.reason) == (Status.FAILED, "the outputs pass did not finish")
    assert verdict.metrics["latency/p50"].value == pytest.approx(1099.5e-9)


def test_no_timed_call_is_a_failure(facts, observation):
    assert ended(facts, observation, timing={"samples_ns": []}) == (Status.FAILED, "no timed calls")


def test_nothing_observed_is_a_failure(facts):
    from dataclasses import replace

    verdict = judge(replace(facts(), observations=()))
    assert (verdict.status, verdict.reason) == (Status.FAILED, "nothing was observed")


def test_one_bad_process_of_several_decides_and_is_named(facts, observation):
    bad = observation(timing={}, passes=("session",), exit={"signal": 6})
    verdict = judge(facts(observation(), bad))
    assert verdict.status is Status.CRASHED
    assert verdict.reason == "process 2 of 2: the worker died of SIGABRT (signal 6) in the timing pass"


@pytest.mark.parametrize(
    ("asked", "distribution", "version", "reason"),
    [
        ("current", "onnxruntime", "1.32.0", ""),
        ("onnxruntime==1.22.1", "onnxruntime", "1.22.1", ""),
        ("onnxruntime==1.22", "onnxruntime", "1.22.0", ""),
        (
            "onnxruntime==1.22.1",
            "onnxruntime",
            "1.32.0",
            "runtime: asked for onnxruntime==1.22.1, in effect onnxruntime 1.32.0",
        ),
        (
            "onnxruntime-openvino==1.24.1",
            "onnxruntime",
            "1.24.1",
            "runtime: asked for onnxruntime-openvino==1.24.1, in effect onnxruntime 1.24.1",
        ),
        ("onnxruntime-openvino==1.24.1", "onnxruntime_openvino", "1.24.1", ""),
        ("/w/onnxruntime-1.23.0-cp311-cp311-manylinux_2_28_x86_64.whl", "onnxruntime", "1.23.0", ""),
        (
            "/w/onnxruntime-1.23.0-cp311-cp311-manylinux_2_28_x86_64.whl",
            "onnxruntime",
            "1.22.0",
            "runtime: asked for /w/onnxruntime-1.23.0-cp311-cp311-manylinux_2_28_x86_64.whl, "
            "in effect onnxruntime 1.22.0",
        ),
        ("onnx runtime", "onnxruntime", "1.0", "runtime 'onnx runtime' is not a requirement nor a wheel"),
    ],
)
def test_another_runtime_than_asked_for_is_a_failure(
    facts, observation, case, asked, distribution, version, reason
):
    runtime = {"distribution": distribution, "version": version}
    status, said = ended(facts, observation, case=case(runtime=asked), runtime=runtime)
    assert said == reason
    assert status is (Status.FAILED if reason else Status.OK)


def proof(**nodes):
    long = {"openvino": "OpenVINOExecutionProvider", "cpu": "CPUExecutionProvider"}
    assignment = {
        long[name]: {"nodes": sum(operators.values()), "operators": operators}
        for name, operators in nodes.items()
    }
    return {"assignment": assignment}


def test_a_provider_that_took_no_node_is_unsupported(facts, observation, case):
    parts = {"proof": proof(cpu={"Conv": 30, "Relu": 4}), "case": case(provider="openvino")}
    assert ended(facts, observation, **parts) == (
        Status.UNSUPPORTED,
        "openvino took no node; nodes by provider: cpu 34",
    )


def test_a_provider_that_the_session_does_not_have_is_unsupported(facts, observation, case):
    session = {"providers": ["CPUExecutionProvider"]}
    assert ended(facts, observation, session=session, case=case(provider="cuda")) == (
        Status.UNSUPPORTED,
        "cuda is not in effect; the session's providers: CPUExecutionProvider",
    )


def test_a_provider_that_took_a_part_is_noted_with_the_operators_elsewhere(facts, observation, case):
    seen = observation(proof=proof(openvino={"Conv": 97}, cpu={"TopK": 1, "Softmax": 2}))
    verdict = judge(facts(seen, case=case(provider="openvino")))
    assert verdict.status is Status.OK
    assert texts(verdict) == ("openvino 97%: cpu ran Softmax 2, TopK 1",)


def test_a_part_is_never_rounded_to_all_or_nothing(facts, observation, case):
    most = observation(proof=proof(openvino={"Conv": 9999}, cpu={"TopK": 1}))
    assert texts(judge(facts(most, case=case(provider="openvino")))) == ("openvino 99%: cpu ran TopK 1",)
    least = observation(proof=proof(openvino={"Conv": 1}, cpu={"TopK": 9999}))
    assert texts(judge(facts(least, case=case(provider="openvino")))) == ("openvino <1%: cpu ran TopK 9999",)


def test_a_strict_provider_must_take_every_node(facts, observation, case):
    parts = {"proof": proof(openvino={"Conv": 97}, cpu={"TopK": 3}), "case": case(provider="openvino")}
    assert ended(facts, observation, strict_provider=True, **parts) == (
        Status.FAILED,
        "strict_provider: openvino 97%: cpu ran TopK 3",
    )
    parts["proof"] = proof(openvino={"Conv": 97})
    assert ended(facts, observation, strict_provider=True, **parts)[0] is Status.OK


def test_a_strict_provider_is_not_taken_at_its_word(facts, observation, case):
    untold = {"unavailable": {"assignment": "onnxruntime 1.16.3 reports it neither by graph nor by profile"}}
    assert ended(facts, observation, strict_provider=True, proof=untold) == (
        Status.FAILED,
        "strict_provider: not known where the nodes ran: "
        "onnxruntime 1.16.3 reports it neither by graph nor by profile",
    )
    assert ended(facts, observation, strict_provider=True)[0] is Status.FAILED
    first, second = observation(proof=proof(cpu={"Conv": 97})), observation()
    assert judge(facts(first, second, strict_provider=True)).status is Status.OK


def test_a_provider_without_proof_is_noted_and_the_cpus_is_not(facts, observation, case):
    note = "no proof of assignment: the proof pass did not run"
    assert texts(judge(facts(observation(), case=case(provider="openvino")))) == (note,)
    assert texts(judge(facts(observation()))) == ()
    proven = observation(proof=proof(openvino={"Conv": 97}))
    assert texts(judge(facts(proven, case=case(provider="openvino")))) == ()


@pytest.mark.parametrize(
    ("precision", "types", "notes"),
    [
        ("fp16", {"float": 9, "float16": 1}, ("the file holds fp16; 9 of 10 nodes",)),
        ("bf16", {"float": 2, "bfloat16": 1}, ("the file holds bf16; 2 of 3 nodes",)),
        ("fp16", {"float": 1, "float16": 9}, ()),
        ("fp32", {"float": 9}, ()),
        ("fp16", {}, ()),
    ],
)
def test_a_half_precision_file_that_computed_in_fp32_is_ok_and_says_so(
    facts, observation, precision, types, notes
):
    seen = facts(observation(proof={"types": types}))
    verdict = judge(replace(seen, built=replace(seen.built, precision=precision)))
    assert verdict.status is Status.OK
    assert texts(verdict) == tuple(
        f"computed in fp32: {note} computed in fp32, for want of a kernel" for note in notes
    )


def test_a_bf16_file_that_computed_in_fp32_alone_is_unsupported(facts, observation):
    seen = facts(observation(proof={"types": {"float": 2, "int64": 3}}))
    assert judge(replace(seen, built=replace(seen.built, precision="fp16"))).status is Status.OK
    verdict = judge(replace(seen, built=replace(seen.built, precision="bf16")))
    reason = "the file holds bf16; all 2 nodes that compute in floats did so in fp32"
    assert (verdict.status, verdict.reason) == (Status.UNSUPPORTED, reason)


def test_a_branch_that_no_input_took_is_noted(facts, observation):
    def flow(**ways):
        return {"flow": [{"name": "if", "op": "If", "calls": sum(ways.values()), "ways": ways}]}

    note = "one branch: If 'if' took the same branch in all 4 calls that were looked at"
    assert texts(judge(facts(observation(proof=flow(a=4))))) == (note,)
    assert texts(judge(facts(observation(proof=flow(a=3, b=1))))) == ()
    assert texts(judge(facts(observation(proof=flow(a=1))))) == ()


@pytest.mark.parametrize(
    ("name", "asked", "seen"),
    [
        ("graph_opt", "all", "basic"),
        ("execution_mode", "parallel", "sequential"),
        ("intra_threads", 4, 1),
        ("inter_threads", 2, 0),
    ],
)
def test_an_option_read_back_other_than_asked_for_is_a_failure(facts, observation, case, name, asked, seen):
    parts = {"case": case(**{name: asked})}
    session = {"options": {name: seen}}
    assert ended(facts, observation, session=session, **parts) == (
        Status.FAILED,
        f"{name}: asked for {asked}, in effect {seen}",
    )
    assert ended(facts, observation, session={"options": {name: asked}}, **parts)[0] is Status.OK


def test_threads_of_zero_ask_for_nothing(facts, observation):
    assert ended(facts, observation, session={"options": {"intra_threads": 2}})[0] is Status.OK


def test_a_config_entry_that_is_not_in_effect_is_a_failure(facts, observation, case):
    asked = case(config=Named("flush", "config", freeze({"session.set_denormal_as_zero": "1"})))
    session = {"options": {"config": {}}}
    assert ended(facts, observation, session=session, case=asked) == (
        Status.FAILED,
        "config session.set_denormal_as_zero: asked for 1, in effect nothing",
    )
    session = {"options": {"config": {"session.set_denormal_as_zero": "1"}}}
    assert ended(facts, observation, session=session, case=asked)[0] is Status.OK


def test_another_opset_in_the_file_is_unsupported(facts, observation, case):
    assert ended(facts, observation, case=case(opset=13)) == (
        Status.UNSUPPORTED,
        "opset: asked for 13, the file has 17",
    )


def test_another_batch_than_asked_for_is_a_failure(facts, observation, case):
    assert ended(facts, observation, timing=TIMING, case=case(batch=8)) == (
        Status.FAILED,
        "batch: asked for 8, in effect 1",
    )


def test_notes_tell_of_threads_cores_proof_and_the_artifact(facts, observation, case):
    seen = observation(
        session={"cores": [0, 1], "threads": {"before": 5, "after": 6}},
        proof={"unavailable": {"assignment": "ORT 1.17 has no record of it"}},
        system={"notes": ["the cpuset is shared"]},
    )
    verdict = judge(facts(seen, case=case(intra_threads=4), random_weights=True, cores=(1,)))
    assert verdict.status is Status.OK
    assert texts(verdict) == (
        "random weights",
        "the cpuset is shared",
        "no proof of assignment: ORT 1.17 has no record of it",
        "4 threads on 2 cores",
        "asked for 4 threads, the session started 1 beside the calling one",
        "pinning not in effect: asked for cores 1, ran on 0,1",
    )


def test_threads_across_operators_count_in_parallel_mode_only(facts, observation, case):
    seen = observation(session={"cores": [0]})
    for mode, notes in (("parallel", ("2 threads on 1 core",)), ("sequential", ())):
        asked = case(execution_mode=mode, intra_threads=1, inter_threads=2)
        assert texts(judge(facts(seen, case=asked))) == notes


def test_the_same_note_of_two_processes_is_said_once(facts, observation, case):
    seen = observation(session={"cores": [0]})
    assert texts(judge(facts(seen, seen, case=case(intra_threads=2)))) == ("2 threads on 1 core",)


def test_what_was_in_effect_is_kept_without_the_raw_numbers(facts, observation):
    seen = observation(
        runtime={"version": "1.32.0", "import_ns": 5},
        session={"create_ns": 7, "options": {"graph_opt": "all"}},
    )
    verdict = judge(facts(seen, reference="net/graph_opt=disable"))
    assert verdict.effective["runtime"] == {"version": "1.32.0"}
    assert verdict.effective["session"] == {"options": {"graph_opt": "all"}}
    assert verdict.effective["timing"] == {}
    assert verdict.effective["reference"] == "net/graph_opt=disable"
    assert verdict.effective["steady"] == [True]
    assert [sorted(calls) for calls in verdict.samples["latency_ns"]] == [list(range(1000, 1200))]
    assert verdict.samples["warmup_ns"] == [[5000, 2000]]
    assert verdict.samples["import_ns"] == [5]
    assert verdict.samples["session_ns"] == [7]


def test_an_option_of_a_provider_that_is_not_in_effect_fails_the_case(facts, observation, case):
    long = "OpenVINOExecutionProvider"

    def ended_with(limit, **read):
        session = {"providers": [long], "provider_options": {long: read}}
        limited = Named("limited", "openvino", freeze({"cache_limit": limit}))
        asked = replace(case(), session=Session(provider=limited))
        ran = proof(openvino={"Conv": 1})
        verdict = judge(facts(observation(session=session, proof=ran), case=asked))
        return verdict.status, verdict.reason

    assert ended_with("100", cache_limit="100", device="0") == (Status.OK, "")
    assert ended_with("100", device="0") == (Status.OK, "")  # not read back
    assert ended_with("True", cache_limit="1") == (Status.OK, "")
    reason = "provider option cache_limit: asked for 100, in effect 18446744073709551615"
    assert ended_with("100", cache_limit="18446744073709551615") == (Status.FAILED, reason)
