"""How recommendations look: a table with their reasons in words for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.text import Text

from samekind import reasons
from samekind.recommendations import Reason, Recommendation, RecommendationReport, Recommended
from samekind.show import printed, table_of
from samekind.show_hits import attributes_of, one_line, plain, text_of

SHOWN = 3  # Reasons in the table; --json has all.
COLUMNS = ("score", "id", "attributes", "text", "because it is")


def recommended(found: Recommended, names: Mapping[str, str], examples: Sequence[str]) -> str:
    """The recommendations as a table, with a line on how they were made."""
    shown = [_row(each, names, examples) for each in found]
    kept = [place for place in range(len(COLUMNS)) if any(row[place].plain for row in shown)]
    table = table_of(*(COLUMNS[place] for place in kept))
    for row in shown:
        table.add_row(*(row[place] for place in kept))
    none = [] if shown else [Text("nothing to recommend", style="yellow")]
    below = [*none, *(Text(line, style="dim") for line in _told(found.report))]
    return printed(*([table] if shown else []), Text("\n").join(below))


def recommended_json(found: Recommended) -> str:
    """The recommendations as `{"hits": [{"id", "score", "parts", "reasons", "attributes"}], "attribution", "report"}`."""
    told = {"hits": list(map(_hit_json, found)), "attribution": found.attribution, "report": _report_json(found.report)}
    return json.dumps(told, ensure_ascii=False, default=plain) + "\n"


def _row(hit: Recommendation, names: Mapping[str, str], examples: Sequence[str]) -> tuple[Text, ...]:
    why = " · ".join(dict.fromkeys(reasons.said(each, names, examples) for each in hit.reasons[:SHOWN]))
    return Text(f"{hit.score:.4f}", style="bold"), Text(hit.item.id), attributes_of(hit.item), one_line(text_of(hit.item)), Text(why, style="italic")


def _told(report: RecommendationReport | None) -> Iterator[str]:
    if report is None:
        return
    learned = f", learned {report.learn_time:%Y-%m-%d %H:%M} UTC" if report.learn_time else ", nothing learned yet"
    total = report.wait_ms + report.embed_ms + report.search_ms + report.load_ms
    known = f"{_many(report.events, 'event')} and {_many(report.interests, 'interest')} known"
    yield f"{known}; behaviour counts {report.behaviour:.0%}{learned}; {_many(report.candidates, 'item')} scored in {total:.1f} ms"
    if report.shortfall:
        yield f"{'' if report.complete else 'not complete: '}{report.shortfall}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _hit_json(hit: Recommendation) -> dict[str, Any]:
    parts = {name: round(part, 6) for name, part in asdict(hit.parts).items()}
    why = [{name: value for name, value in _reason_json(each).items() if value not in ("", None)} for each in hit.reasons]
    text = text_of(hit.item)
    told: dict[str, Any] = {"id": hit.item.id, "score": round(hit.score, 6), "parts": parts, "reasons": why, "attributes": dict(hit.item.attributes)}
    return told | ({"text": text} if text else {})


def _reason_json(reason: Reason) -> dict[str, Any]:
    return asdict(reason) | {"kind": reason.kind.value, "part": round(reason.part, 6)}


def _report_json(report: RecommendationReport | None) -> dict[str, Any]:
    if report is None:
        return {}
    told = {name: round(value, 6) if isinstance(value, float) else value for name, value in vars(report).items()}
    return {"model": report.embedding.model, "space": report.embedding.space} | {name: told[name] for name in told if name != "embedding"}
