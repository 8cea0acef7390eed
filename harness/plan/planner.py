"""Make a plan: load, check, expand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from harness.core.errors import InputError, Problem, SuiteError
from harness.core.suite import Plan
from harness.plan import starters, strict
from harness.plan.document import KeyPath, Place, YamlDocument, read, spell_path
from harness.plan.expand import expand
from harness.plan.files import absolute, missing, why_missing
from harness.plan.layers import from_plain, put_together
from harness.plan.override import option_of
from harness.plan.schema import SuiteSchema
from harness.plan.sweep import Rule, Sweep, filters, sweep, unknown_values


def plan(path: Path, overrides: Sequence[str] = (), only: Sequence[str] = ()) -> Plan:
    """Read the suite at `path`, or the starter suite of that name, and make its plan.

    `overrides` are ``dotted.path=value`` (paths in them are relative to the
    current folder), `only` are ``axis=value[,value]``: a cell must fit every
    axis that they name. Raises SuiteError with every problem found in the
    files, InputError for a mistake in `overrides` or `only`.
    """
    asked, path = path, starters.find(path)
    if reason := why_missing(path, str(path)):
        raise InputError(reason + starters.known(asked))
    document = put_together(read(path, str(path)), path.parent, overrides, file=path)
    made = _sweep(document, path.parent, path.stem, str(path.absolute()))
    return _expand(made, document, overrides, only)


def plan_document(
    document: Mapping[str, Any],
    base_dir: Path,
    name: str,
    overrides: Sequence[str] = (),
    only: Sequence[str] = (),
) -> Plan:
    """Make the plan of a suite that is in no file; its paths are relative to `base_dir`.

    Messages call it `name`, and so is the suite where it does not name
    itself. Raises as `plan` does.
    """
    whole = put_together(from_plain(dict(document), name), base_dir, overrides)
    return _expand(_sweep(whole, base_dir, name, ""), whole, overrides, only)


def plan_model(
    model: Path | Mapping[str, Any],
    axes: Mapping[str, Any] | None = None,
    *,
    data: str | None = None,
    shapes: Mapping[str, int] | None = None,
    output: str | None = None,
    sampling: Mapping[str, Any] | None = None,
    strict_provider: bool = False,
    batch_dim: str | None = None,
    inputs: Mapping[str, Mapping[str, Any]] | None = None,
    custom_ops: Sequence[str] = (),
    name: str = "",
    overrides: Sequence[str] = (),
    only: Sequence[str] = (),
) -> Plan:
    """Make the plan of one model without a suite: of a file, or of a source as a suite has it.

    The model is named after its file, any other after its kind; the suite is
    called `name`, or like the model. What is left out, or None in `sampling`,
    has the default of a suite. Paths are relative to the current folder.
    Raises as `plan` does.
    """
    own = next(iter(model), "") if isinstance(model, Mapping) else model.stem
    source = dict(model) if isinstance(model, Mapping) else {"onnx": str(model)}
    entry: dict[str, Any] = {
        "source": source,
        "data": data,
        "shapes": shapes and dict(shapes),
        "output": output,
    }
    entry |= {"batch_dim": batch_dim, "inputs": inputs or None}
    document = {
        "models": {own: _given(entry)},
        "axes": dict(axes or {}),
        "sampling": _given(sampling or {}),
        "strict_provider": strict_provider,
        "session": {"custom_ops": list(custom_ops)} if custom_ops else {},
    }
    document = {key: value for key, value in document.items() if value}
    return plan_document(document, Path.cwd(), name or own, overrides, only)


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is None."""
    return {key: value for key, value in values.items() if value is not None}


def dump(document: Mapping[str, Any]) -> str:
    """Write a suite as YAML that is read back as the same suite."""
    return yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _sweep(document: YamlDocument, base_dir: Path, name: str, path: str) -> Sweep:
    """Check the whole document at once, so that several mistakes are reported together."""
    problems = [*document.problems, *missing(document, base_dir)]
    try:
        schema = SuiteSchema.model_validate(absolute(document.value, base_dir))
    except ValidationError as error:
        problems.extend(strict.problems(error, document))
    _refuse(problems)
    return sweep(schema, document.places[()].file, name, path, dump(document.value))


def _expand(made: Sweep, document: YamlDocument, overrides: Sequence[str], only: Sequence[str]) -> Plan:
    made = replace(made, rules=(*made.rules, *filters(only)))
    # A rule about what --set took out is no mistake.
    narrowed = any(text.startswith(("axes", "models")) for text in overrides)
    checked = [rule for rule in made.rules if rule.purpose == "filter" or not narrowed]
    _refuse(_unknown_values(checked, made, document))
    expansion = expand(made)
    _refuse(_unmet([rule for rule in expansion.unmet if rule in checked], document))
    if not expansion.plan.cases and not expansion.plan.skips:
        flags = " ".join(option_of(text, "--only") for text in only)
        raise InputError(f"{flags or 'only'}: no cell of the suite is left")
    return expansion.plan


def _unknown_values(rules: Iterable[Rule], made: Sweep, document: YamlDocument) -> Iterator[Problem]:
    for rule in rules:
        for axis, reason in unknown_values(rule, made.values):
            yield _problem((*rule.written, axis), reason, rule, document)


def _unmet(rules: Iterable[Rule], document: YamlDocument) -> Iterator[Problem]:
    for rule in rules:
        yield _problem(rule.written, "no cell of the suite meets all of this", rule, document)


def _problem(path: KeyPath, message: str, rule: Rule, document: YamlDocument) -> Problem:
    if rule.purpose == "filter":
        return Problem(rule.because, None, "", message)
    where = document.places.get(path, Place(""))
    return Problem(where.file, where.line, spell_path(path), message)


def _refuse(problems: Iterable[Problem]) -> None:
    """Raise what was found, once each, in the order of the files."""
    found: dict[tuple[str, int | None, str], Problem] = {}
    for problem in problems:
        found.setdefault((problem.path, problem.line, problem.key or problem.message), problem)
    if found:
        raise SuiteError(sorted(found.values(), key=lambda problem: (problem.path, problem.line or 0)))
