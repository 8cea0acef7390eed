"""Decide how a case ended: what was asked for, compared with what was in effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.core.case import thaw
from harness.core.errors import Failed, Unsupported
from harness.core.passes import repeated
from harness.core.record import Note, NoteKind, Observation, Status
from harness.core.units import format_signal
from harness.core.vocabulary import PROVIDERS
from harness.judge.conversion import fault as conversion_fault
from harness.judge.facts import Facts

TAIL = 3
"""Lines of the runtime's stderr that a reason quotes."""

TRACE = ("File ", "Extension modules: ", "Thread 0x", "Current thread 0x")
"""How lines of Python's own trace of a crash begin: frames of the worker, the same for every model."""


def status(facts: Facts) -> tuple[Status, str]:
    """Return the status and, unless it is ok, one clear reason."""
    for number, observation in enumerate(facts.observations, start=1):
        of = f"process {number} of {len(facts.observations)}: " if len(facts.observations) > 1 else ""
        wanted = facts.passes if number == 1 else repeated(facts.passes)
        ended = _ended(observation, wanted)
        if ended is not None:
            return ended[0], of + ended[1]
        try:
            for check in (_check_runtime, _check_provider, _check_types, _check_options, _check_load):
                check(facts, observation)
        except Unsupported as error:
            return Status.UNSUPPORTED, of + str(error)
        except Failed as error:
            return Status.FAILED, of + str(error)
    if not facts.observations:
        return Status.FAILED, "nothing was observed"
    if changed := conversion_fault(facts):
        return Status.FAILED, changed
    return Status.OK, ""


def _ended(observation: Observation, wanted: tuple[str, ...]) -> tuple[Status, str] | None:
    """Return how the worker ended, unless it did what was wanted."""
    leave, error = observation.exit, observation.error
    during = next((name for name in wanted if name not in observation.passes), "")
    where = f" in the {during} pass" if during else ""
    if leave.get("timeout"):
        return Status.TIMEOUT, f"no answer within {leave.get('wall_s', 0):.0f} s{where}{_tail(leave)}"
    if leave.get("signal"):
        return Status.CRASHED, f"the worker died of {_signal(leave['signal'])}{where}{_tail(leave)}"
    if error is not None:
        at = f"{error['pass']}: " if error.get("pass") else ""
        return Status(error["status"]), f"{at}{error['message']}"
    if leave.get("code"):
        return Status.FAILED, f"the worker exited with code {leave['code']}{where}{_tail(leave)}"
    if during:
        return Status.FAILED, f"the {during} pass did not finish{_tail(leave)}"
    if "timing" in wanted and not observation.timing.get("samples_ns"):
        return Status.FAILED, "no timed calls"
    return None


def _signal(number: int) -> str:
    name = format_signal(number)
    if not name.startswith("SIG"):
        return name
    hint = ", perhaps for want of memory" if name == "SIGKILL" else ""
    return f"{name} (signal {number}{hint})"


def _tail(leave: Mapping[str, Any]) -> str:
    lines = [line.strip() for line in str(leave.get("stderr", "")).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(TRACE)]
    return f"; stderr ends: {' | '.join(lines[-TAIL:])}" if lines else ""


def _check_runtime(facts: Facts, observation: Observation) -> None:
    """Raise Failed where another runtime answered than the one asked for."""
    asked, seen = facts.case.session.runtime, observation.runtime
    if asked == "current" or not seen:
        return
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

    try:
        if asked.endswith(".whl"):
            name, version, *_ = parse_wheel_filename(asked.rpartition("/")[2])
            same = str(version) == seen.get("version")
        else:
            requirement = Requirement(asked)
            name = canonicalize_name(requirement.name)
            same = requirement.specifier.contains(str(seen.get("version")), prereleases=True)
    except (InvalidRequirement, InvalidWheelFilename):
        raise Failed(f"runtime {asked!r} is not a requirement nor a wheel") from None
    if not same or canonicalize_name(str(seen.get("distribution", name))) != name:
        have = f"{seen.get('distribution', '')} {seen.get('version')}".strip()
        raise Failed(f"runtime: asked for {asked}, in effect {have}")


def _check_provider(facts: Facts, observation: Observation) -> None:
    """Raise Unsupported where the provider took nothing, Failed where it must take all and may not have."""
    kind = facts.case.session.provider.kind
    asked, active = PROVIDERS.get(kind, kind), observation.session.get("providers")
    if active is not None and asked not in active:
        raise Unsupported(f"{kind} is not in effect; the session's providers: {', '.join(active)}")
    counts = node_counts(observation)
    total = sum(counts.values())
    if total and not counts.get(asked):
        others = ", ".join(f"{short_provider(name)} {count}" for name, count in counts.items())
        raise Unsupported(f"{kind} took no node; nodes by provider: {others}")
    if not facts.strict_provider:
        return
    if partial := partial_placement(facts, observation):
        raise Failed(f"strict_provider: {partial.text}")
    if not total and observation is facts.observations[0]:  # the only one that is asked for proof
        why = (observation.proof.get("unavailable") or {}).get("assignment", "the proof pass did not run")
        raise Failed(f"strict_provider: not known where the nodes ran: {why}")


def _check_types(facts: Facts, observation: Observation) -> None:
    """Raise Unsupported where a BF16 file computed in FP32 alone.

    The runtime casts no BF16 by itself, so the casts are the file's: its FP32 numbers are no BF16's.
    """
    types = observation.proof.get("types") or {}
    wide = types.get("float", 0)
    if facts.built.precision == "bf16" and wide and not types.get("bfloat16"):
        raise Unsupported(f"the file holds bf16; all {wide} nodes that compute in floats did so in fp32")


def node_counts(observation: Observation) -> dict[str, int]:
    """Return the number of nodes by provider; empty where that is not known."""
    assignment = observation.proof.get("assignment") or {}
    return {name: int(part["nodes"]) for name, part in assignment.items()}


def short_provider(name: str) -> str:
    """Return the suite's word for a provider: ``cpu`` for ``CPUExecutionProvider``."""
    return next((short for short, long in PROVIDERS.items() if long == name), name)


def partial_placement(facts: Facts, observation: Observation) -> Note | None:
    """Note what share of the nodes the provider took and what ran elsewhere; None where it took all."""
    kind, counts = facts.case.session.provider.kind, node_counts(observation)
    asked, total = PROVIDERS.get(kind, kind), sum(counts.values())
    taken = counts.get(asked, 0)
    if not taken or taken == total:
        return None
    share = 100 * taken // total  # rounded down: a part is never 100%
    elsewhere = []
    for name, part in observation.proof["assignment"].items():
        if name != asked and part["nodes"]:
            operators = sorted(part.get("operators", {}).items(), key=lambda item: (-item[1], item[0]))
            listed = ", ".join(f"{operator} {count}" for operator, count in operators)
            elsewhere.append(f"{short_provider(name)} ran {listed or part['nodes']}")
    return Note(NoteKind.PLACEMENT, "; ".join(elsewhere), f"{kind} {share or '<1'}%")


def _options(facts: Facts) -> Iterator[tuple[str, Any]]:
    """Yield every setting that was asked for and may be read back; threads of 0 ask for nothing."""
    for name, asked in {**facts.case.session.settings, **facts.case.load.settings}.items():
        if asked or name not in ("intra_threads", "inter_threads"):
            yield name, asked


def _check_options(facts: Facts, observation: Observation) -> None:
    """Raise Failed where a setting was read back other than asked for."""
    options = observation.session.get("options", {})
    for name, asked in _options(facts):
        if name in options and options[name] != asked:
            raise Failed(f"{name}: asked for {asked}, in effect {options[name]}")
    provider = facts.case.session.provider
    read = (observation.session.get("provider_options") or {}).get(
        PROVIDERS.get(provider.kind, provider.kind), {}
    )
    for name, asked in (thaw(provider.options) or {}).items():
        if name in read and _plain(read[name]) != _plain(asked):
            raise Failed(f"provider option {name}: asked for {asked}, in effect {read[name]}")
    config = options.get("config")
    for name, asked in (thaw(facts.case.session.config.options) or {}).items():
        if config is not None and str(config.get(name)) != str(asked):
            raise Failed(f"config {name}: asked for {asked}, in effect {config.get(name, 'nothing')}")


def _plain(value: Any) -> str:
    """Return an option's value as text that is the same however a provider writes it."""
    text = str(value).casefold()
    return {"true": "1", "false": "0"}.get(text, text)


def _check_load(facts: Facts, observation: Observation) -> None:
    """Raise where another model or another batch was run than asked for."""
    asked, built = facts.case.artifact.opset, facts.built.opset
    if asked is not None and asked != built:
        raise Unsupported(f"opset: asked for {asked}, the file has {built}")
    batch, driven = facts.case.load.batch, observation.timing.get("batch", facts.case.load.batch)
    if driven != batch:
        raise Failed(f"batch: asked for {batch}, in effect {driven}")
