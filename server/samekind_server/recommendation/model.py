"""What was learned of a catalog's events: learned at once, kept in a file, and asked for scores and candidates."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from samekind.types import Floats
from samekind_server.recommendation import highest, measuring
from samekind_server.recommendation.als import Factors
from samekind_server.recommendation.blend import LEADING, TINY, Blend, Scores, first, top
from samekind_server.recommendation.interactions import Codes, Events, Scale, in_units, interactions
from samekind_server.recommendation.reading import Reading
from samekind_server.recommendation.signals import LINKS, Heard, History, Signals, learned

VERSION = 5
POPULAR = 0.01  # The least that popularity counts among candidates, so that there are as many as are asked for.
MANY = 4  # One in so many of all is quicker found among all than picked out.
ARRAYS = ("gram", "centre", "map", "support", "popularity")


class DamagedModel(Exception):
    """A file that is not, to the last byte, a model that was saved."""


@dataclass(frozen=True)
class About:
    """How a model was learned: `method` is what behaviour rests on (`ease`, `als`; empty where nobody did anything), `measures` how good each
    method was, by ("ndcg@10", "ease"), on each user's latest events, which it did not see then, `scale` what ratings were told on, where there
    were any. Times are seconds since 1970."""

    method: str
    events: int
    users: int
    items: int
    learned: float
    newest: float
    half_life: float
    measures: Mapping[tuple[str, str], float] = field(default_factory=dict)
    scale: Scale | None = None


@dataclass(frozen=True)
class Model:
    """What users' behaviour taught. It names nobody and nothing, but knows items by code. Its methods may be called from any thread.

    `numbers` are those of the items in the store, ascending.
    """

    signals: Signals
    blend: Blend
    about: About
    numbers: Codes

    def coded(self, numbers: Codes) -> Codes:
        """The codes of items by their numbers in the store, -1 for those not known."""
        if not len(self.numbers):
            return np.full(len(numbers), -1, np.int64)
        codes = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        return np.where(self.numbers[codes] == numbers, codes, -1)

    @property
    def nbytes(self) -> int:
        """Bytes that its numbers take in memory."""
        signals = self.signals
        matrices = [part for matrix in (getattr(signals, name) for name in LINKS) for part in (matrix.data, matrix.indices, matrix.indptr)]
        return sum(each.nbytes for each in (*matrices, *(getattr(signals, name) for name in ARRAYS), signals.factors.items, self.numbers))

    def scores(self, history: History, codes: Codes, vectors: Floats, *, behaviour: float | None = None) -> Scores:
        """The candidates' scores: by code (-1: not known) and unit vector (n, dimensions), a row of zeros where there is none.

        `behaviour`, from 0 to 1, is how much that counts beside content; None: as was learned.
        """
        parts = self.signals.parts(history, codes, vectors)
        return self.blend.scores(parts, self.signals.supports(codes), fresh=history.fresh, behaviour=behaviour)

    def candidates(self, heard: Heard, count: int, excluded: Codes | None = None) -> Codes:
        """The codes of at most `count` items that behaviour speaks for, best first, then of popular ones; none of the excluded.

        Fewer only where the model knows no more. By content they are found elsewhere: in the index.
        """
        weights = self.blend.of(heard.fresh)
        strengths = np.float32(max(weights["popularity"], POPULAR)) * self.signals.popularity
        for name, part in heard.links.items():
            if weights[name] and (bar := top(part[:-1])) > TINY:
                strengths += part[:-1] * np.float32(weights[name] / bar)
        strengths[excluded if excluded is not None else []] = -np.inf
        places = self._first(strengths, heard.user, weights["als"], count)
        return places[strengths[places] > -np.inf]

    def _first(self, strengths: Floats, user: Floats | None, weight: float, count: int) -> Codes:
        """The strongest once factors are heard too, which are asked of those alone that they can bring so far."""
        length = 0.0 if user is None else float(np.linalg.norm(user))
        if user is None or not length * weight:
            return first(strengths, count)
        told = partial(self._by_factors, user / np.float32(length))
        if length * (bar := top(told(highest.first(self._reach, told, LEADING + 1, self._far)))) <= TINY:
            return first(strengths, count)
        share = np.float32(weight / bar)
        return highest.first(strengths + share * self._reach, lambda codes: strengths[codes] + share * told(codes), count)

    def _by_factors(self, user: Floats, codes: Codes) -> Floats:
        """What factors alone say of these items."""
        rows, shares = self.signals.factors.items, self.signals.shares
        told: Floats = (rows @ user * shares)[codes] if MANY * len(codes) > len(rows) else rows[codes] @ user * shares[codes]
        return told

    @cached_property
    def _far(self) -> Codes:
        """Of which items they can say most."""
        return highest.ahead(self._reach, LEADING + 1)

    @cached_property
    def _reach(self) -> Floats:
        """The most that they can say of each item by a user's row of length 1, (items,)."""
        rows = self.signals.factors.items
        told: Floats = np.sqrt(np.vecdot(rows, rows)) * self.signals.shares * np.float32(1 + 1e-5)  # Sums of products are rounded.
        return told

    def save(self, path: Path) -> None:
        """Writes the model to a file, whole or not at all. Raises OSError, and leaves what was there."""
        body = _packed(self)
        part = path.with_name(f"{path.name}.part")
        with part.open("wb") as file:
            file.write(hashlib.sha256(body).digest() + body)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Model:
        """What `save` wrote. Raises DamagedModel for anything else, OSError."""
        told = path.read_bytes()
        digest, body = told[:32], told[32:]
        if hashlib.sha256(body).digest() != digest:
            raise DamagedModel(f"{path.name} is damaged, or no model; it is made anew from the events")
        try:
            return _unpacked(body)
        except (ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise DamagedModel(f"{path.name} is a model of another version; it is made anew from the events") from error


def learn(events: Events, vectors: Floats, numbers: Codes | None = None, *, now: float, ease_items: int = 10_000, seed: int = 0) -> Model:
    """A model of the items whose unit vectors are the rows of `vectors` (zeros where there is none), from what users did with them.

    It is learned twice: first without each user's latest fifth, on which the weights of the blend are fitted and all is measured. The same
    events give the same model. `numbers` are the items' in the store, ascending; without them they are counted from 0. Takes 4 bytes
    × items² up to `ease_items` items with likes, beyond that 1 KB for each.
    """
    users = int(events.users.max(initial=-1)) + 1
    history, unit = in_units(interactions(events, users, len(vectors)))
    fit = measuring.fitted(history, vectors, ease_items=ease_items, seed=seed)
    ordered = any(row["succession"] for row in (fit.blend.weights, fit.blend.fresh))
    signals = learned(history, vectors, ease_items=ease_items, ordered=ordered, half_life=fit.half_life, now=now, seed=seed)
    signals = replace(signals, reading=Reading(fit.fading, unit))
    method = "ease" if signals.ease.nnz else "als" if len(events) else ""
    newest = float(events.times.max(initial=0))
    people, items = len(np.unique(events.users)), int((signals.support > 0).sum())
    about = About(method, len(events), people, items, now, newest, fit.half_life, fit.measures, events.scale)
    return Model(signals, fit.blend, about, np.arange(len(vectors)) if numbers is None else numbers)


def _packed(model: Model) -> bytes:
    arrays: dict[str, Any] = {name: getattr(model.signals, name) for name in ARRAYS} | {
        "factors": model.signals.factors.items,
        "numbers": model.numbers,
    }
    for name in LINKS:
        matrix = getattr(model.signals, name)
        arrays |= {f"{name}.data": matrix.data, f"{name}.indices": matrix.indices.astype(np.int32), f"{name}.indptr": matrix.indptr.astype(np.int64)}
    about = {**vars(model.about), "measures": [[*key, value] for key, value in model.about.measures.items()]}
    factors = {"ridge": model.signals.factors.ridge, "confidence": model.signals.factors.confidence}
    told = {
        "version": VERSION,
        "blend": vars(model.blend),
        "about": about,
        "factors": factors,
        "reading": vars(model.signals.reading),
    }
    arrays["told"] = np.frombuffer(json.dumps(told).encode(), np.uint8)
    body = io.BytesIO()
    np.savez(body, **arrays)
    return body.getvalue()


def _unpacked(body: bytes) -> Model:
    with np.load(io.BytesIO(body), allow_pickle=False) as kept:
        arrays = dict(kept)
    told = json.loads(arrays["told"].tobytes())
    if told["version"] != VERSION:
        raise ValueError(told["version"])
    about, shape = told["about"], (len(arrays["numbers"]),) * 2
    parts = {name: tuple(arrays[f"{name}.{part}"] for part in ("data", "indices", "indptr")) for name in LINKS}
    matrices = {name: sparse.csr_matrix(parts[name], shape=shape) for name in LINKS}
    signals = Signals(
        **matrices,
        **{name: arrays[name] for name in ARRAYS},
        factors=Factors(arrays["factors"], **told["factors"]),
        reading=Reading(**told["reading"]),
    )
    measures = {(measure, method): value for measure, method, value in about.pop("measures")}
    scale = about.pop("scale")
    return Model(signals, Blend(**told["blend"]), About(**about, measures=measures, scale=scale and (scale[0], scale[1])), arrays["numbers"])
