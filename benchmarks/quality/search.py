"""Measures search: whether the modality gap is taken out of mixed catalogs, and whether a query about what is not there answers nothing."""

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import samekind
from benchmarks.quality import metrics, tasks
from benchmarks.quality.scores import Score
from benchmarks.quality.tasks import png
from samekind import Found, Image, Item, Text, query
from samekind.shop import Product
from training.data import fashion_evaluation

K = 10
QUERIES = 400
EXACT, ALIKE = 3.0, 1.0  # What an item is worth that is what was asked for, and one that shares the thing and one of its looks.
HALVES = 2
STRANGE, SEED = 100, 405  # Names of other sets that are asked, and which.
SILENT = 0.8
ABSENT, ELSEWHERE, KEPT = "absent: nothing is answered", "of other sets: nothing is answered", "present: relevant hits kept"
Gains = NDArray[np.float64]
Answers = Sequence[Sequence[str]]  # The ids of each query's hits, "image 7" and "text 7" for the same thing.


@dataclass(frozen=True)
class Mixed:
    """The same things as pictures and as descriptions, what is asked, and what each thing is worth to each query, (queries, things)."""

    name: str
    pictures: Sequence[bytes]
    texts: Sequence[str]
    queries: Sequence[str]
    gains: Gains


@dataclass(frozen=True)
class Labelled:
    """Contents with what each is, and how a query for that is worded; what is of one `part` is there or not as a whole."""

    name: str
    contents: Sequence[bytes | str]
    truths: Sequence[str]
    parts: Sequence[str]


def gap(sk: samekind.Client, data: Path, limit: int) -> Iterator[Score]:
    """Text queries of catalogs with pictures and texts, corrected and not."""
    for mixed in mixed_catalogs(data, limit):
        with _catalog(sk, [*_items("image", mixed.pictures), *_items("text", mixed.texts)]) as kept:
            found = [kept.search_many([query(asked, limit=K, keep_modality_gap=keep) for asked in mixed.queries]) for keep in (True, False)]
        yield from compared(mixed, *([[hit.item.id for hit in each.hits] for each in some] for some in found))


def compared(mixed: Mixed, raw: Answers, corrected: Answers) -> Iterator[Score]:
    """What answers as they are and corrected ones are worth."""
    before, after = _gained(mixed, raw), _gained(mixed, corrected)
    for name, gained, answers in (("as they are", before, raw), ("corrected", after, corrected)):
        yield _score(mixed, f"images in the top {K}", name, _images(answers), 0.5)
        yield _score(mixed, f"NDCG@{K}", name, gained, _by_chance(mixed))
    yield _score(mixed, f"NDCG@{K}", "gained", after - before, 0.0)


def cut(sk: samekind.Client, sets: Iterable[Labelled]) -> Iterator[Score]:
    """Queries of catalogs that hold half of what is asked for, with the cut; as these are of one kind, also whether a correction changes them."""
    every = list(sets)
    for labelled in every:
        seen = _Seen()
        asked, others = sorted(set(labelled.truths)), strange(labelled, every)
        for half in range(HALVES):
            there = [place for place, part in enumerate(labelled.parts) if _half(labelled.parts, part) == half]
            present = {labelled.truths[place] for place in there}
            absent = [each for each in asked if _half(labelled.parts, labelled.parts[labelled.truths.index(each)]) != half]
            with _catalog(sk, [_item(f"{place}", labelled.contents[place]) for place in there]) as catalog:
                for truth in absent:
                    seen.absent(*catalog.search_many([query(truth), query(truth, cutoff="auto")]))
                seen.strange += [not found.hits for found in catalog.search_many([query(name, cutoff="auto") for name in others])]
                for truth in sorted(present):
                    asking = [query(truth), query(truth, cutoff="auto"), query(truth, keep_modality_gap=True)]
                    seen.present({str(place) for place in there if labelled.truths[place] == truth}, *catalog.search_many(asking))
        yield from (share(labelled.name, measure, np.array(hits), len(asked)) for measure, hits in seen.told().items() if len(hits))


@dataclass
class _Seen:
    """What became of the queries of one set, one entry for each, or for each relevant hit among the best ten."""

    silent: list[bool] = field(default_factory=list)
    strange: list[bool] = field(default_factory=list)
    kept: list[bool] = field(default_factory=list)
    same: list[bool] = field(default_factory=list)
    of_absent: list[float] = field(default_factory=list)
    of_present: list[float] = field(default_factory=list)

    def absent(self, whole: Found, some: Found) -> None:
        """One about what is not there."""
        self.silent.append(not some.hits)
        self.of_absent += [hit.similarity for hit in whole.hits[:1]]

    def present(self, relevant: set[str], whole: Found, some: Found, raw: Found) -> None:
        """One about what is there."""
        ids, found = {hit.item.id for hit in some.hits}, [hit.item.id for hit in whole.hits if hit.item.id in relevant]
        self.kept += [id in ids for id in found]
        self.of_present += [whole[0].similarity] * len(found)
        self.same.append(_scores(whole) == _scores(raw))

    def told(self) -> dict[str, Sequence[bool] | metrics.Truths]:
        """Each measure. The line is what no rule could know: that which is right for this set, drawn by its own best similarities."""
        line = np.quantile(self.of_absent, SILENT) if self.of_absent else np.inf
        return {
            ABSENT: self.silent,
            ELSEWHERE: self.strange,
            KEPT: self.kept,
            f"present: kept by a line that {SILENT:.0%} of this set's absent are below": np.array(self.of_present) > line,
            "one kind: same to the last bit": self.same,
        }


def mixed_catalogs(data: Path, limit: int) -> Iterator[Mixed]:
    """The drawn shop asked in two ways and, where it is, fashion."""
    drawn = tasks.products(limit)
    pictures, texts = [png(product) for product in drawn], [product.description for product in drawn]
    titles = [product.title for product in drawn][:QUERIES]
    yield Mixed("drawn shop, mixed: titles", pictures, texts, titles, np.array([[_worth(one, other) for other in drawn] for one in drawn[:QUERIES]]))
    looks = sorted({f"{product.colour} {product.thing}" for product in drawn})[:QUERIES]
    gains = np.array([[float(look == f"{product.colour} {product.thing}") for product in drawn] for look in looks])
    yield Mixed("drawn shop, mixed: colours of things", pictures, texts, looks, gains)
    [kept] = [kept for kept in tasks.KEPT if kept.counts is fashion_evaluation]
    if tasks.there(data, kept):
        rows = tasks.rows(data, kept, limit)
        types, colours = ([row[name].lower() for row in rows] for name in ("articleType", "baseColour"))
        asked = sorted({*zip(colours, types, strict=True)})[:QUERIES]
        gains = np.array([[(type == kind) * (1.0 + (colour == look)) for look, kind in zip(colours, types, strict=True)] for colour, type in asked])
        names = [row["productDisplayName"] for row in rows]
        yield Mixed(f"{kept.name}, mixed", tasks.pictures(data, kept, rows), names, [" ".join(each) for each in asked], gains)


def _worth(one: Product, other: Product) -> float:
    looks = (one.colour == other.colour) + (one.pattern == other.pattern)
    return (0.0, ALIKE, EXACT)[looks] if one.thing == other.thing else 0.0


def _gained(mixed: Mixed, answers: Answers) -> Gains:
    """NDCG of each query."""
    first = [[gains[int(id.split()[1])] for id in ids] for gains, ids in zip(mixed.gains, answers, strict=True)]
    return np.array([gains @ metrics.discounts(len(gains)) for gains in map(np.array, first)]) / _ideal(mixed)


def _ideal(mixed: Mixed) -> Gains:
    best: Gains = -np.sort(-np.repeat(mixed.gains, 2, axis=1), axis=1)[:, :K]
    return best @ metrics.discounts(best.shape[1])


def _by_chance(mixed: Mixed) -> float:
    return float((mixed.gains.mean(axis=1) * metrics.discounts(K).sum() / _ideal(mixed)).mean())


def _images(answers: Answers) -> Gains:
    """The share of images in each answer."""
    return np.array([np.mean([id.startswith("image") for id in ids]) for ids in answers])


def _score(mixed: Mixed, measure: str, name: str, each: Gains, chance: float) -> Score:
    return Score(mixed.name, measure, name, len(each), len(mixed.texts), float(each.mean()), *metrics.mean_interval(each), chance)


def kept_apart(data: Path, limit: int) -> Iterator[Labelled]:
    """What quality is told of: nothing was trained on it, and nothing chosen by it."""
    yield from of_products("drawn shop, cut", tasks.products(limit))
    for kept in tasks.KEPT:
        if tasks.there(data, kept):
            photos = tasks.photos(data, kept, limit)
            yield Labelled(f"{photos.name}, cut", photos.pictures, photos.truths, photos.truths)


def of_products(name: str, drawn: Sequence[Product]) -> Iterator[Labelled]:
    """Products by what they are, by that and their colour, and by their looks alone."""
    things, looks = [product.thing for product in drawn], [f"{product.colour} {product.thing}" for product in drawn]
    pictures, texts = [png(product) for product in drawn], [product.description for product in drawn]
    yield Labelled(f"{name}: things in pictures", pictures, things, things)
    yield Labelled(f"{name}: things in texts", texts, things, things)
    yield Labelled(f"{name}: colours of things in pictures", pictures, looks, things)
    for look, bare in (("colours", [product.colour for product in drawn]), ("patterns", [product.pattern for product in drawn])):
        worded = [f"{each} thing" for each in bare]
        yield Labelled(f"{name}: {look} alone in pictures", pictures, worded, worded)


def strange(labelled: Labelled, every: Sequence[Labelled]) -> list[str]:
    """Some of what other sets are of, where no word is in a name of what is here."""
    here = {word for other in every if other.contents == labelled.contents for truth in other.truths for word in words(truth)}
    names = sorted({truth for other in every for truth in other.truths if here.isdisjoint(words(truth))})
    return random.Random(SEED).sample(names, min(STRANGE, len(names)))


def words(name: str) -> list[str]:
    """Its words without case, and without an s at their end."""
    return [word.removesuffix("s") for word in name.lower().replace("-", " ").split()]


def _half(parts: Sequence[str], part: str) -> int:
    """Every other kind of thing is in the same half."""
    return sorted(set(parts)).index(part) % HALVES


@contextmanager
def _catalog(sk: samekind.Client, items: Sequence[Item]) -> Iterator[samekind.CatalogHandle]:
    """A catalog of these items, for a while."""
    name = "benchmark-of-search"
    catalog = sk.catalog(name)
    try:
        if failures := catalog.upsert(items).failures:
            raise failures[0].error or AssertionError(f"{failures[0].id} failed")
        yield catalog
    finally:
        sk.delete_catalog(name)


def _items(kind: str, contents: Sequence[bytes | str]) -> list[Item]:
    return [_item(f"{kind} {place}", content) for place, content in enumerate(contents)]


def _item(id: str, content: bytes | str) -> Item:
    return Item(id, (Text(content) if isinstance(content, str) else Image(content),))


def _scores(found: Found) -> list[tuple[str, float]]:
    return [(hit.item.id, hit.score) for hit in found.hits]


def share(data: str, measure: str, hits: metrics.Truths, classes: int) -> Score:
    """Of how many it holds."""
    return Score(data, measure, "", len(hits), classes, float(hits.mean()), *metrics.interval(hits), None)
