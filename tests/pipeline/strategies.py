"""Hypothesis strategies for signatures and requests, and the expected result of binding them."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, Literal
from uuid import UUID

from hypothesis import strategies as st

from coworks_async import TechMicroService, entry

WRONG = object()
"""The result of a value that cannot be converted."""


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


@dataclass(frozen=True)
class Kind:
    """A type, with strings and JSON values that can be converted to it and some that cannot.

    With `many`, several values of one name are one value of the type.
    """

    annotation: Any
    texts: Sequence[tuple[str, Any]]
    json: Sequence[tuple[Any, Any]] = ()
    wrong_texts: Sequence[str] = ()
    wrong_json: Sequence[Any] = ()
    many: bool = False

    def of_text(self, text: str) -> Any:
        """Return the expected result of a string."""
        return dict(self.texts).get(text, WRONG)

    def of_json(self, value: Any) -> Any:
        """Return the expected result of a JSON value."""
        if isinstance(value, str) and not self.many:
            return self.of_text(value)
        return next((into for sent, into in self.json if repr(sent) == repr(value)), WRONG)


UID = UUID("12345678-1234-5678-1234-567812345678")
NULL = (None, None)

KINDS = [
    Kind(
        int,
        [("42", 42), ("-7", -7), ("007", 7)],
        [(5, 5), (10**30, 10**30)],
        ["7.0", "x", "", "null"],
        [7.5, True, None],
    ),
    Kind(float, [("1.5", 1.5), ("3", 3.0)], [(5, 5.0), (2.5, 2.5)], ["nan", "x", "", "1e999"], [True, None, [1.5]]),
    Kind(str, [("", ""), ("a b", "a b"), ("7", "7"), ("null", "null")], [], [], [5, None, ["a"], {"a": 1}]),
    Kind(bool, [("YES", True), ("0", False)], [(True, True)], ["2", "", "null"], [1, None]),
    Kind(Decimal, [("0.10", Decimal("0.10"))], [(5, Decimal(5))], ["NaN", "1_0", ""], [True, None]),
    Kind(date, [("2024-02-29", date(2024, 2, 29))], [], ["1709200800", "2023-02-29", ""], [1709200800, None]),
    Kind(UUID, [(str(UID), UID)], [], ["x", ""], [5, None]),
    Kind(Colour, [("red", Colour.RED)], [], ["blue", ""], [5, ["red"]]),
    Kind(Literal["a", 2], [("a", "a"), ("2", 2)], [(2, 2)], ["b", "", "2.0"], [3, None, ["a"], {}]),
    Kind(Literal[1] | str, [("1", 1), ("01", 1), ("5", "5"), ("", "")], [(1, 1)], [], [None, [1]]),
    Kind(Level | str, [("1", Level.LOW), ("5", "5")], [(1, Level.LOW)], [], [None, {}]),
    Kind(int | None, [("5", 5)], [NULL, (6, 6)], ["null", "", "x"], [7.5, [5]]),
    Kind(str | None, [("null", "null"), ("", "")], [NULL], [], [5]),
    Kind(int | str, [("5", 5), ("five", "five"), ("", "")], [(7, 7)], [], [None, 7.5, [5]]),
    Kind(str | float, [("5", 5.0), ("nan", "nan")], [(7, 7.0)], [], [None, {}]),
    Kind(
        list[int],
        [("1", 1), ("02", 2)],
        [([1, "2"], [1, 2]), ([], [])],
        ["x", ""],
        [5, "1", [None], {"a": 1}],
        many=True,
    ),
    Kind(list[str] | None, [("1", "1"), ("", "")], [(["1"], ["1"]), NULL], [], [5, [None]], many=True),
]
ANY = Kind(Any, [("5", "5"), ("", "")], [(5, 5), NULL, ([1], [1]), ({"a": 1.5}, {"a": 1.5})])
"""No annotation: values are passed on as received."""

SCALARS = [kind for kind in KINDS if not kind.many]


@dataclass(frozen=True)
class Taker:
    """A parameter of a drawn signature."""

    name: str
    kind: Kind
    place: Literal["path", "tail", "named", "keyword", "rest"]
    default: Any = inspect.Parameter.empty

    @property
    def parameter(self) -> inspect.Parameter:
        kinds = {
            "path": inspect.Parameter.POSITIONAL_OR_KEYWORD,
            "tail": inspect.Parameter.VAR_POSITIONAL,
            "named": inspect.Parameter.POSITIONAL_OR_KEYWORD,
            "keyword": inspect.Parameter.KEYWORD_ONLY,
            "rest": inspect.Parameter.VAR_KEYWORD,
        }
        return inspect.Parameter(self.name, kinds[self.place], default=self.default, annotation=self.kind.annotation)


NAMES = ["alpha", "beta", "page__number__", "gamma", "delta"]
KIND = st.sampled_from([*KINDS, ANY])
SCALAR = st.sampled_from([*SCALARS, ANY])


def alias(name: str) -> str:
    """Return the name that a client uses for a parameter."""
    return "page[number]" if name == "page__number__" else name


@st.composite
def signatures(draw: st.DrawFn) -> list[Taker]:
    """Draw a signature: path parameters, parameters with a default, keyword-only ones, `*tail` and `**rest`."""
    path = [Taker(f"path{n}", draw(SCALAR), "path") for n in range(draw(st.integers(0, 2)))]
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4))
    split = draw(st.integers(0, len(names)))
    named = [Taker(name, draw(KIND), "named", object()) for name in names[:split]]
    tail = [Taker("tail", draw(SCALAR), "tail")] if draw(st.integers(0, 4)) == 0 else []
    keyword = [
        Taker(name, draw(KIND), "keyword", draw(st.sampled_from([object(), inspect.Parameter.empty])))
        for name in names[split:]
    ]
    rest = [Taker("rest", draw(KIND), "rest")] if draw(st.integers(0, 3)) == 0 else []
    return [*path, *named, *tail, *keyword, *rest]


@dataclass(frozen=True)
class Sent:
    """A drawn request: path segments, query, and a form or a JSON body."""

    path: list[str]
    query: list[tuple[str, str]]
    form: list[tuple[str, str]] | None
    json: dict[str, Any] | None


@st.composite
def requests(draw: st.DrawFn, takers: list[Taker], *, body: bool) -> Sent:
    """Draw a request for a signature, with valid and invalid values, and missing, repeated and unknown names."""
    path = [draw(_texts(taker.kind).filter(_is_segment)) for taker in takers if taker.place == "path"]
    for taker in takers:
        if taker.place == "tail":
            path += draw(st.lists(_texts(taker.kind).filter(_is_segment), max_size=2))
    names = [alias(taker.name) for taker in takers if taker.place in ("named", "keyword")]
    kinds = {alias(taker.name): taker.kind for taker in takers}
    rest = next((taker.kind for taker in takers if taker.place == "rest"), ANY)
    name = st.sampled_from([*names, *names, "nope", "self", "page__number__", "Alpha", "path0", "rest", ""])
    pair = name.flatmap(lambda name: st.tuples(st.just(name), _texts(kinds.get(name, rest))))
    member = name.flatmap(lambda name: st.tuples(st.just(name), _values(kinds.get(name, rest))))
    query = draw(st.lists(pair, max_size=4))
    how = draw(st.sampled_from(["none", "form", "json", "json"])) if body else "none"
    form = draw(st.lists(pair, min_size=1, max_size=4)) if how == "form" else None
    json = dict(draw(st.lists(member, max_size=4))) if how == "json" else None
    if how != "none" and draw(st.booleans()):
        query = []  # so that fast binding is tested, too
    return Sent(path, query, form, json)


def _is_segment(text: str) -> bool:
    return text not in ("", ".", "..")


def _texts(kind: Kind) -> st.SearchStrategy[str]:
    return st.sampled_from([*(text for text, _ in kind.texts), *(text for text, _ in kind.texts), *kind.wrong_texts])


def _values(kind: Kind) -> st.SearchStrategy[Any]:
    right = [*(text for text, _ in kind.texts if not kind.many), *(value for value, _ in kind.json)]
    return st.sampled_from([*right, *right, *kind.wrong_texts, *kind.wrong_json])


@dataclass(frozen=True)
class Outcome:
    """The expected result: a value for each parameter, and errors by location and name."""

    values: dict[str, Any]
    errors: set[tuple[str, str]]

    def put(self, taker: Taker, value: Any, where: str, name: str) -> None:
        """Set the value of a parameter, or add an error for the name."""
        if value is WRONG:
            self.errors.add((where, name))
        elif taker.place == "rest":
            self.values["rest"][name] = value
        else:
            self.values[taker.name] = value


def expected(takers: list[Taker], sent: Sent) -> Outcome:
    """Return the expected result of a request."""
    outcome = Outcome({"rest": {}} if any(taker.place == "rest" for taker in takers) else {}, set())
    segments = iter(sent.path)
    for taker in takers:
        if taker.place == "path":
            outcome.put(taker, taker.kind.of_text(next(segments)), "path", taker.name)
        elif taker.place == "tail":
            # The tail follows all path parameters.
            values = [taker.kind.of_text(text) for text in sent.path[_count(takers, "path") :]]
            outcome.put(taker, WRONG if WRONG in values else tuple(values), "path", "tail")
    _expect_names(takers, sent, outcome)
    return outcome


def _expect_names(takers: list[Taker], sent: Sent, outcome: Outcome) -> None:
    query, form = _several(sent.query), _several(sent.form or [])
    body: Mapping[str, Any] = form or sent.json or {}
    named = {alias(taker.name): taker for taker in takers if taker.place in ("named", "keyword")}
    rest = next((taker for taker in takers if taker.place == "rest"), None)
    reserved = {"self", *(taker.name for taker in takers if taker.place != "rest")} - named.keys()
    for name in dict.fromkeys([*query, *body]):
        taker = named.get(name, rest)
        if name in query and name in body:
            outcome.errors.update([("query", name)] if taker else [("query", name), ("body", name)])
        elif taker is None or name in reserved:
            outcome.errors.add(("query" if name in query else "body", name))
        elif name in query or name in form:
            value = of_texts(taker.kind, query.get(name) or form[name])
            outcome.put(taker, value, "query" if name in query else "body", name)
        else:
            outcome.put(taker, taker.kind.of_json(body[name]), "body", name)
    for name, taker in named.items():
        if name not in query and name not in body:
            where = "query" if sent.form is None and sent.json is None else "body"
            outcome.put(taker, WRONG if taker.default is inspect.Parameter.empty else taker.default, where, name)


def _count(takers: list[Taker], place: str) -> int:
    return sum(taker.place == place for taker in takers)


def _several(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    several: dict[str, list[str]] = {}
    for name, value in pairs:
        several.setdefault(name, []).append(value)
    return several


def of_texts(kind: Kind, texts: list[str]) -> Any:
    """Return the expected result of the values of one name in a query or form."""
    values = [kind.of_text(text) for text in texts]
    if WRONG in values or (len(values) > 1 and not kind.many and kind is not ANY):
        return WRONG
    return values if kind.many or len(values) > 1 else values[0]


def service_of(takers: list[Taker], method: str, calls: list[dict[str, Any]]) -> TechMicroService:
    """Create a service with one entry of this signature, which records its arguments in `calls`."""
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = inspect.Signature([itself, *(taker.parameter for taker in takers)])

    async def response(*args: Any, **kwargs: Any) -> str:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        calls.append({name: value for name, value in bound.arguments.items() if name != "self"})
        return "called"

    response.__signature__ = signature  # type: ignore[attr-defined]
    response.__annotations__ = {taker.name: taker.kind.annotation for taker in takers if taker.kind is not ANY}
    service: TechMicroService = type("Drawn", (TechMicroService,), {method: entry(no_auth=True)(response)})()
    return service
