"""How found items look: a table for people, JSON for programs; and where a condition's text is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from samekind import types
from samekind.filter_text import BadFilter
from samekind.queries import Facet, Found, Hit, SearchReport
from samekind.reasons import short
from samekind.show import printed, table_of
from samekind.types import Item, Value

LONGEST = 100  # Characters of a text, or of attributes, in the table; --json has all.


def hits(found: Found) -> str:
    """The hits as a table, counts where they were asked for, and a line on how they were found."""
    shown = [_row(hit) for hit in found.hits]
    kept = [place for place in range(4) if any(row[place].plain for row in shown)]
    table = table_of(*(("score", "id", "attributes", "text")[place] for place in kept))
    for row in shown:
        table.add_row(*(row[place] for place in kept))
    none = [] if shown else [Text("nothing found", style="yellow")]
    below = [*none, *(Text(_counted(facet)) for facet in found.facets.values()), *(Text(line, style="dim") for line in _told(found))]
    return printed(*([table] if shown else []), Text("\n").join(below))


def hits_json(found: Found) -> str:
    """The hits as `{"hits": [{"id", "score", "similarity", "kind", "attributes"}], "facets", "report"}`."""
    told = {"hits": [_hit_json(hit) for hit in found.hits], "report": _report_json(found.report)}
    facets = {name: _facet_json(facet) for name, facet in found.facets.items()}
    return json.dumps(told | ({"facets": facets} if facets else {}), ensure_ascii=False, default=plain) + "\n"


def pointed(wrong: BadFilter) -> str:
    """The line of a condition that is wrong, and under it a caret at the character."""
    start = wrong.text.rfind("\n", 0, wrong.position) + 1
    line = wrong.text[start:].partition("\n")[0]
    return f"  {line}\n  {' ' * cell_len(wrong.text[start : wrong.position])}^"


def attributes_of(item: Item) -> Text:
    """An item's attributes in a cell."""
    held = " · ".join(f"{name} {_written(value)}" for name, value in item.attributes.items())
    return Text(short(held, LONGEST), style="dim")


def text_of(item: Item) -> str:
    """An item's text, "" where it has none."""
    return next((content.text for content in item.contents if isinstance(content, types.Text)), "")


def one_line(text: str) -> Text:
    """A text in a cell."""
    return Text(short(" ".join(text.split()), LONGEST))


def plain(value: object) -> str:
    """Moments, the only values that JSON has no form for."""
    assert isinstance(value, datetime)
    return value.isoformat()


def _row(hit: Hit) -> tuple[Text, ...]:
    text = hit.passage.text if hit.passage else text_of(hit.item)
    return Text(f"{hit.score:.4f}", style="bold"), Text(hit.item.id), attributes_of(hit.item), one_line(text)


def _told(found: Found) -> Iterator[str]:
    report = found.report
    if report is None:
        return
    how = "all" if report.exact else "by a graph,"
    maker = f" by {report.embedding.model}" if report.embedding.model else ""
    gap = "; texts and images were levelled" if report.gap_corrected else ""
    total = report.wait_ms + report.embed_ms + report.search_ms + report.load_ms
    spent = f"{report.wait_ms:.1f} waiting, {report.embed_ms:.1f} embedding, {report.search_ms:.1f} searching, {report.load_ms:.1f} loading"
    compared = f", {how} {report.candidates:,} compared{maker}" if report.candidates else ""
    yield f"{len(found):,} of {report.matching:,} items{compared} in {total:.1f} ms ({spent}){gap}"
    if report.cut is not None:
        yield f"cut at {report.cut:.4f}: {report.cut_reason}"
    if report.shortfall:
        yield f"{'' if report.complete else 'not complete: '}{report.shortfall}"


def _counted(facet: Facet) -> str:
    counts = ", ".join(f"{_written(value)} {items:,}" for value, items in facet.counts)
    others = f" … of {facet.values:,} values" if facet.values > len(facet.counts) else ""
    return f"{facet.attribute}: {counts or 'none has it'}{others}"


def _hit_json(hit: Hit) -> dict[str, Any]:
    told: dict[str, Any] = {"id": hit.item.id, "score": round(hit.score, 6), "similarity": round(hit.similarity, 6), "kind": hit.kind}
    told["attributes"] = dict(hit.item.attributes)
    text = {"text": text_of(hit.item)} if text_of(hit.item) else {}
    return told | text | ({"passage": asdict(hit.passage)} if hit.passage else {})


def _facet_json(facet: Facet) -> dict[str, Any]:
    counts = [{"value": value, "items": items} for value, items in facet.counts]
    return {"counts": counts, "items": facet.items, "values": facet.values}


def _report_json(report: SearchReport | None) -> dict[str, Any]:
    if report is None:
        return {}
    told = {name: round(value, 6) if isinstance(value, float) else value for name, value in vars(report).items()}
    return {"model": report.embedding.model, "space": report.embedding.space} | {name: told[name] for name in told if name != "embedding"}


def _written(value: Value) -> str:
    match value:
        case list():
            return ", ".join(map(_written, value))
        case float():
            return f"{value:g}"
        case datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case bool() | None:
            return json.dumps(value)
    return str(value)
