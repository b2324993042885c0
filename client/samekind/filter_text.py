"""Conditions on attributes as text: `price < 30 and brand in ("acme", "ajax") and not tags contains "wool"`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from samekind.errors import BadRequest, Violation
from samekind.filters import NAME, WORDS, Compare, Every, Exists, Filter, Not, OneOf, Operator, Some
from samekind.types import Value

NESTED = 32  # Brackets and nots in each other; more than any filter needs, and few enough for Python's stack.
SIGNS = {"≠": "!=", "<>": "!=", "≤": "<=", "≥": ">=", "=": "=="}
HINTS = {"&": "; join conditions with and", "|": "; join conditions with or", "!": "; what does not match is: not …", "~": "; write not"}
TOKENS = re.compile(
    rf"""(?P<space>\s+)
    |(?P<moment>[0-9]{{4}}-[0-9]+-[0-9][\w:.+-]*)
    |(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<sign>==|!=|<>|<=|>=|[=<>≠≤≥])
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<quoted>`(?:[^`\\]|\\.)*`)
    |(?P<name>{NAME})
    |(?P<mark>[()\[\],])""",
    re.VERBOSE | re.DOTALL,
)
ESCAPE = re.compile(r"\\(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)


class BadFilter(BadRequest):
    """A text that is no condition: what is wrong with it, and at which character, counted from 0."""

    def __init__(self, what: str, text: str, position: int) -> None:
        super().__init__(f"{what}, at character {position + 1} of the filter", violations=(Violation("filter", what),))
        self.what, self.text, self.position = what, text, position


@dataclass(frozen=True)
class Token:
    """A piece of the text; its `kind` is the word or mark itself where it has a meaning of its own."""

    kind: str
    text: str
    start: int


def parse(text: str) -> Filter:
    """The condition that a text says. Raises BadFilter."""
    return _Parser(text).whole()


def where(given: Filter | str | None) -> Filter | None:
    """A condition as it was given, or as its text says."""
    return parse(given) if isinstance(given, str) else given


class _Parser:
    """Reads a condition from left to right: `or` of `and` of `not` of comparisons."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [*_tokens(text), Token("end", "", len(text))]
        self._at = self._depth = 0

    def whole(self) -> Filter:
        """All of the text."""
        found = self._some()
        if self._next.kind != "end":
            self._expected("and, or or the end")
        return found

    def _some(self) -> Filter:
        return self._joined("or", self._every, Some)

    def _every(self) -> Filter:
        return self._joined("and", self._one, Every)

    def _joined(self, word: str, part: Callable[[], Filter], kind: type[Every] | type[Some]) -> Filter:
        parts = [part()]
        while self._took(word):
            parts.append(part())
        return kind(tuple(parts)) if len(parts) > 1 else parts[0]

    def _one(self) -> Filter:
        match self._next.kind:
            case "not" | "(":
                return self._nested()
            case "exists":
                self._take("exists")
                return Exists(self._bracketed_name())
            case "true" | "false":
                return Every(()) if self._take("true", "false").kind == "true" else Some(())
        return self._compared(self._name())

    def _nested(self) -> Filter:
        with self._deeper():
            if self._took("not"):
                return Not(self._one())
            self._take("(")
            found = self._some()
            self._take(")")
            return found

    def _bracketed_name(self) -> str:
        self._take("(")
        name = self._name()
        self._take(")")
        return name

    def _compared(self, name: str) -> Filter:
        if self._took("is"):
            there = self._took("not")
            self._take("null")
            return Exists(name) if there else Not(Exists(name))
        if self._took("not"):
            return Not(self._listed(name))
        return self._listed(name)

    def _listed(self, name: str) -> Filter:
        if self._took("in"):
            return OneOf(name, tuple(self._values("(", ")")))
        if self._took("contains"):
            return Compare(name, Operator.CONTAINS, self._value())
        if self._next.kind != "sign" or self._before.kind == "not":
            self._expected("in or contains" if self._before.kind == "not" else "=, !=, <, <=, >, >=, in, contains or is")
        sign = self._take("sign").text
        return Compare(name, Operator(SIGNS.get(sign, sign)), self._value())

    def _values(self, opening: str, closing: str) -> Iterator[Value]:
        self._take(opening)
        while self._next.kind != closing:
            yield self._value()
            if not self._took(","):
                break
        self._take(closing)

    def _value(self) -> Value:
        token = self._next
        match token.kind:
            case "[":
                with self._deeper():
                    return list(self._values("[", "]"))
            case "text" | "true" | "false" | "null" | "number" | "moment":
                self._at += 1
                return self._scalar(token)
        self._expected('a value, as 30, "wool", true or 2026-01-31T10:00:00Z', "; a text stands in quotes" if token.kind == "name" else "")

    def _scalar(self, token: Token) -> Value:
        match token.kind:
            case "text":
                return self._unquoted(token)
            case "number":
                return self._number(token)
            case "moment":
                return self._moment(token)
        return {"true": True, "false": False}.get(token.kind)

    def _name(self) -> str:
        token = self._next
        if token.kind in ("name", "quoted"):
            self._at += 1
            return token.text if token.kind == "name" else self._unquoted(token)
        way_out = f"; as a name write `{token.text}`" if token.kind in WORDS else ""
        way_out = "; the attribute comes first, as in price > 10" if token.kind in ("number", "text", "moment") else way_out
        self._expected("an attribute's name", way_out)

    def _unquoted(self, token: Token) -> str:
        def unescaped(found: re.Match[str]) -> str:
            if found[1] in "'`":
                return found[1]
            try:
                return str(json.loads(f'"{found[0]}"'))
            except ValueError:
                self._wrong(f"{found[0]} is no escape, and a backslash is \\\\", token.start + 1 + found.start())

        return ESCAPE.sub(unescaped, token.text[1:-1])

    def _number(self, token: Token) -> int | float:
        number = float(token.text)
        if not math.isfinite(number):
            self._wrong("a number is too large", token.start)
        if not re.fullmatch(r"[+-]?[0-9]+", token.text):
            return number
        if abs(number) > 2**63 or not -(2**63) <= int(token.text) < 2**63:
            self._wrong("a whole number is past 64 bits; give it a decimal point", token.start)
        return int(token.text)

    def _moment(self, token: Token) -> datetime:
        try:
            moment = datetime.fromisoformat(token.text)
        except ValueError:
            self._wrong("no moment, as 2026-01-31T10:00:00Z is one", token.start)
        if moment.tzinfo is None:
            self._wrong("a moment without a time zone; end it with Z or +02:00, as 2026-01-31T10:00:00Z", token.start)
        return moment

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    @property
    def _before(self) -> Token:
        return self._tokens[self._at - 1]

    def _took(self, kind: str) -> bool:
        there = self._next.kind == kind
        self._at += there
        return there

    def _take(self, *kinds: str) -> Token:
        token = self._next
        if token.kind not in kinds:
            self._expected(" or ".join(kinds))
        self._at += 1
        return token

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > NESTED:
            self._wrong(f"more than {NESTED} brackets and nots in each other; a filter is at most 16 conditions deep", self._next.start)
        yield
        self._depth -= 1

    def _expected(self, what: str, way_out: str = "") -> NoReturn:
        there = "the filter ends" if self._next.kind == "end" else f"here is {self._next.text:.40}"
        self._wrong(f"expected {what}, and {there}{way_out}", self._next.start)

    def _wrong(self, what: str, position: int) -> NoReturn:
        raise BadFilter(what, self._text, position)


def _tokens(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        found = TOKENS.match(text, at)
        if not found:
            _unknown(text, at)
        at = found.end()
        if found.lastgroup != "space":
            yield Token(_kind(found), found[0], found.start())


def _kind(found: re.Match[str]) -> str:
    if found.lastgroup == "name" and found[0].lower() in WORDS:
        return found[0].lower()
    return found[0] if found.lastgroup == "mark" else str(found.lastgroup)


def _unknown(text: str, at: int) -> NoReturn:
    sign = text[at]
    if sign in "\"'`":
        raise BadFilter(f"the {sign} here is never closed", text, at)
    raise BadFilter(f"{sign!r} means nothing here{HINTS.get(sign, '')}", text, at)
