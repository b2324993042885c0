"""How answers look: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console, RenderableType
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from samekind.errors import SamekindError
from samekind.types import Answer, Embedding, Model, ProbabilityKind, Report

# Wide enough that a pipe to grep or a file never folds a row.
PIPE_WIDTH = 400
KINDS = {
    ProbabilityKind.SOFTMAX: "shares among these labels",
    ProbabilityKind.SIGMOID: "the model's own, each label by itself",
    ProbabilityKind.BACKGROUND: "each label against neutral prompts, a ranking score",
}


def answers(names: Sequence[str], given: Sequence[Answer], seconds: float) -> str:
    """Answers as a table: the best label of each input, then the next two; of several label sets the best label of each."""
    sets = [each.label_set for each in _sets(given)] if any(answer.by_label_set for answer in given) else []
    table = table_of("input", *(sets or ("is", "probability", "then")))
    for name, answer in zip(names, given, strict=True):
        table.add_row(Text(name), *(_failed(answer.error) if answer.error else _best_of_each(answer) if sets else _ranked(answer)))
    report = _report([answer.report for answer in given])
    kind = f"; probability: {KINDS[given[0].probability_kind]}" if report.model else ""
    return printed(table, Text(f"{len(given)} in {seconds:.2f} s by {_maker(report)}{kind}", style="dim"))


def answers_json(names: Sequence[str], given: Sequence[Answer]) -> str:
    """Answers as `{"results": [{"input", "top", "scores"}]}`; a failed one has an "error", one of several label sets has "by_label_set"."""
    results = [{"input": name, **answer_json(answer)} for name, answer in zip(names, given, strict=True)]
    sets = [{"name": each.label_set, "version": each.version} for each in _sets(given)]
    told = {"results": results, "probability_kind": given[0].probability_kind.value, "report": _report_json(given)}
    return _json(told | ({"label_sets": sets} if sets else {}))


def embeddings(names: Sequence[str], given: Sequence[Embedding], seconds: float) -> str:
    """Embeddings as a table: the size and the first numbers of each."""
    table = table_of("input", "dimensions", "vector")
    for name, each in zip(names, given, strict=True):
        start = " ".join(f"{number:+.4f}" for number in each.vector[:6])
        table.add_row(Text(name), *(_failed(each.error) if each.error else (str(each.vector.size), f"{start} …")))
    report = _report([each.report for each in given])
    return printed(table, Text(f"{len(given)} in {seconds:.2f} s by {_maker(report)}; space {given[0].space}", style="dim"))


def embeddings_json(names: Sequence[str], given: Sequence[Embedding]) -> str:
    """Embeddings as `{"results": [{"input", "vector"}], "space"}`; a failed one has an "error"."""
    results = [
        {"input": name, **({"error": error_json(each.error)} if each.error else {"vector": _rounded(each.vector.tolist())})}
        for name, each in zip(names, given, strict=True)
    ]
    return _json({"results": results, "space": given[0].space, "report": _report_json(given)})


def models(given: Sequence[Model]) -> str:
    """Models as a table."""
    table = table_of("model", "dimensions", "image", "context", "parameters", "scores", "runtime", "precision")
    for model in given:
        size, numbers = f"{model.image_size} px", f"{model.parameters / 1e6:.1f} M"
        name = f"{model.name} (default)" if model.default else model.name
        kind, precision = model.score_kind.value, model.precision.value
        table.add_row(Text(name), str(model.dimensions), size, f"{model.context_length} tokens", numbers, kind, model.runtime, precision)
    return printed(table)


def model(given: Model) -> str:
    """All of one model, a line for each thing."""
    table = table_of("", "")
    for key, value in _model_json(given).items():
        table.add_row(key.replace("_", " "), Text(", ".join(map(str, value)) if isinstance(value, tuple) else str(value)))
    return printed(table)


def models_json(given: Sequence[Model]) -> str:
    """Models as `{"models": [...]}`."""
    return _json({"models": [_model_json(each) for each in given]})


def model_json(given: Model) -> str:
    """One model as an object."""
    return _json(_model_json(given))


def models_here(given: Sequence[Mapping[str, Any]]) -> str:
    """The models on this machine as a table."""
    table = table_of("model", "on disk", "dimensions", "space", "converted")
    for each in given:
        said = each["model"]
        table.add_row(
            Text(each["name"]), size(each["size"]), str(said.get("dimensions", "")), said.get("space", ""), "yes" if each["converted"] else ""
        )
    return printed(table)


def model_here(given: Mapping[str, Any]) -> str:
    """All of one model on this machine, a line for each thing."""
    table = table_of("", "")
    for key, value in {"name": given["name"], "on disk": size(given["size"]), "converted": given["converted"], **given["model"]}.items():
        table.add_row(key.replace("_", " "), Text(", ".join(map(str, value)) if isinstance(value, list) else str(value)))
    return printed(table)


def followed_pull(told: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What a pull ends with; a terminal sees how far each file is."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    ended: dict[str, Any] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bars:
        tasks: dict[str, TaskID] = {}
        for each in told:
            name = each.get("file") or each.get("doing")
            if name and name not in tasks:
                tasks[name] = bars.add_task(name, total=each.get("total"))
            if name:
                bars.update(tasks[name], completed=each.get("here", 0))
            ended = each.get("model", ended)
    return ended


def size(count: int) -> str:
    """Bytes as people read them."""
    return decimal(count)


def told_json(told: object) -> str:
    """What was told, as it was."""
    return _json(told)


def indented_json(told: object) -> str:
    """What was told, for people to read too."""
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"


def rows(columns: Sequence[str], given: Sequence[Sequence[str]], none: str) -> str:
    """Texts as a table; what to say where there is none."""
    if not given:
        return f"{none}\n"
    table = table_of(*columns)
    for row in given:
        table.add_row(*map(Text, row))
    return printed(table)


def changed(lines: Iterable[str]) -> str:
    """Lines of which some begin with +, - or ~, in colours on a terminal."""
    styles = {"+": "green", "-": "red", "~": "yellow"}
    return printed(Text("\n").join(Text(line, style=styles.get(line.strip()[:1], "")) for line in lines))


def error_json(error: SamekindError) -> dict[str, str]:
    """What a program needs of an error."""
    return {"code": error.code, "reason": error.reason, "message": error.message}


def answer_json(answer: Answer) -> dict[str, Any]:
    """What a program needs of an answer."""
    if answer.error:
        return {"top": None, "scores": [], "error": error_json(answer.error)}
    if answer.by_label_set:
        return {"by_label_set": {name: answer_json(each) for name, each in answer.by_label_set.items()}}
    told = {"top": answer.top or None, "scores": [_rounded(asdict(score)) for score in answer.scores]}
    return told | ({"truncated": True} if answer.truncated else {})


def refusal_json(error: SamekindError) -> str:
    """A whole question's error as `{"error": ...}`."""
    return _json({"error": error_json(error)})


def _ranked(answer: Answer) -> tuple[RenderableType, ...]:
    if not answer.scores:
        return Text("nothing probable enough", style="yellow"), "", ""
    best, *rest = answer.scores
    digits = 1 if best.probability >= 0.01 else 3  # Among thousands of labels the best one's share is small.
    then = ", ".join(f"{score.label} {score.probability:.{digits}%}" for score in rest[:2])
    return Text(best.label, style="bold"), f"{best.probability:.{digits}%}", Text(then, style="dim")


def _sets(given: Sequence[Answer]) -> list[Answer]:
    """What each label set said of some input; none where labels of the call were asked."""
    answered = next((answer for answer in given if answer.by_label_set or answer.label_set), None)
    return list(answered.by_label_set.values()) or [answered] if answered else []


def _best_of_each(answer: Answer) -> tuple[RenderableType, ...]:
    bests = (each.scores[:1] for each in answer.by_label_set.values())
    return tuple(Text(f"{best[0].label} {best[0].probability:.1%}") if best else Text("nothing probable enough", style="yellow") for best in bests)


def _failed(error: SamekindError) -> tuple[RenderableType]:
    return (Text(f"{error.reason}: {error.message}", style="red"),)


def _model_json(given: Model) -> dict[str, Any]:
    return asdict(given) | {"score_kind": given.score_kind.value, "precision": given.precision.value}


def _report_json(given: Sequence[Answer] | Sequence[Embedding]) -> dict[str, Any]:
    report = _report([each.report for each in given])
    precision = report.precision.value if report.precision else None
    return {key: _rounded(value) for key, value in (asdict(report) | {"precision": precision}).items()}


def _report(reports: Sequence[Report]) -> Report:
    """One report of all requests: their milliseconds added up."""
    different = list({id(report): report for report in reports}.values())
    made = next((report for report in different if report.model), different[0])
    wait, decode, compute = (sum(getattr(each, name) for each in different) for name in ("wait_ms", "decode_ms", "compute_ms"))
    return Report(made.model, made.space, made.precision, wait, decode, compute)


def _maker(report: Report) -> str:
    return f"{report.model} ({report.precision.value})" if report.precision else report.model or "no model"


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return round(value, 6)
        case dict():
            return {key: _rounded(each) for key, each in value.items()}
        case list():
            return [_rounded(each) for each in value]
    return value


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def table_of(*columns: str) -> Table:
    """An empty table."""
    table = Table(box=None, pad_edge=False, show_header=any(columns), header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def printed(*parts: RenderableType) -> str:
    """What a terminal shows; a pipe gets it without colours, in rows that are not folded."""
    console = Console(highlight=False)
    console.width = console.width if console.is_terminal else PIPE_WIDTH
    with console.capture() as captured:
        console.print(*parts)
    return captured.get()
