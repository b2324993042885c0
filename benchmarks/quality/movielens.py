"""Reads MovieLens ratings as they were given, and cuts them where the future begins."""

import csv
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = "movielens-small"
FILES = ("movies.csv.gz", "ratings.csv.gz", "tags.csv.gz")
LIKED = 4.0  # Stars from which on a film counts as liked.
TAGS = 8  # Of a film's, the commonest.
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Ratings:
    """Ratings in the order of their times, users and films by code, with what is known of the films and who tagged them when."""

    users: NDArray[np.int64]
    films: NDArray[np.int64]
    stars: NDArray[np.float64]
    times: NDArray[np.float64]
    titles: tuple[str, ...]
    genres: tuple[tuple[str, ...], ...]
    tags: tuple[tuple[int, int, float, str], ...]  # user, film, time, tag

    def some(self, which: Flags) -> "Ratings":
        """The ratings at these places, of the same films."""
        return Ratings(self.users[which], self.films[which], self.stars[which], self.times[which], self.titles, self.genres, self.tags)

    def texts(self, until: NDArray[np.float64]) -> list[str]:
        """Each film as a text of title, genres, and the tags that a user gave before that user's own time in `until`."""
        told: list[dict[str, int]] = [{} for _ in self.titles]
        for user, film, time, tag in self.tags:
            if time < until[user]:
                told[film][tag] = told[film].get(tag, 0) + 1
        return [_text(*film) for film in zip(self.titles, self.genres, told, strict=True)]


def there(data: Path) -> bool:
    """Whether the ratings are in the folder."""
    return all((data / FOLDER / name).is_file() for name in FILES)


def read(data: Path) -> Ratings:
    """Every rating of a film that is known, from half a star to five; others, which the folder's own README does not know either, are left out."""
    films = {int(row["movieId"]): row for row in _rows(data, "movies.csv.gz")}
    codes = {film: code for code, film in enumerate(films)}
    rows = [row for row in _rows(data, "ratings.csv.gz") if int(row["movieId"]) in codes and 0.5 <= float(row["rating"]) <= 5]
    users = {user: code for code, user in enumerate(sorted({int(row["userId"]) for row in rows}))}
    columns = [(users[int(row["userId"])], codes[int(row["movieId"])], float(row["rating"]), float(row["timestamp"])) for row in rows]
    columns.sort(key=lambda row: (row[3], zlib.crc32(f"{row[0]} {row[1]}".encode())))  # Equal times in an order that says nothing.
    who, what, stars, times = (np.array(column) for column in zip(*columns, strict=True))
    tagged = [row for row in _rows(data, "tags.csv.gz") if int(row["movieId"]) in codes and int(row["userId"]) in users]
    tags = tuple((users[int(row["userId"])], codes[int(row["movieId"])], float(row["timestamp"]), row["tag"]) for row in tagged)
    genres = tuple(tuple(row["genres"].split("|")) for row in films.values())
    return Ratings(who, what, stars, times, tuple(row["title"] for row in films.values()), genres, tags)


def last_of_each_user(ratings: Ratings, share: float = 0.2) -> Flags:
    """Which ratings are the last of their user."""
    places, counts = np.zeros(len(ratings.users), np.int64), np.bincount(ratings.users)
    order = np.argsort(ratings.users, kind="stable")
    starts = np.cumsum(counts) - counts
    places[order] = np.arange(len(order)) - np.repeat(starts, counts)
    last: Flags = places >= counts[ratings.users] - np.round(counts[ratings.users] * share)
    return last


def last_of_all(ratings: Ratings, share: float = 0.2) -> Flags:
    """Which ratings are the last of all, at one moment for all users."""
    later: Flags = ratings.times > np.quantile(ratings.times, 1 - share)
    return later


def _rows(data: Path, name: str) -> Iterator[dict[str, str]]:
    with gzip.open(data / FOLDER / name, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _text(title: str, genres: tuple[str, ...], tags: dict[str, int]) -> str:
    commonest = sorted(tags, key=lambda tag: (-tags[tag], tag))[:TAGS]
    return f"{title}: {', '.join((*genres, *commonest))}"
