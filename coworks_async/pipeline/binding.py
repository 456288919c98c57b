"""The long road of binding: value by value, with all that is wrong.

Each step takes what is its own out of the query and the body; what is left at the end is refused.
"""

from collections.abc import Callable
from typing import Any

from msgspec import ValidationError

from coworks_async.entries.converter import fault, unknown
from coworks_async.entries.plan import Plan, Slot
from coworks_async.exceptions import Fault, UnsupportedMedia, Where
from coworks_async.pipeline.body import NO_BODY, Body, Form


class Binding:
    """One request being bound: the values so far, what is left to bind, and what is wrong."""

    def __init__(self, plan: Plan, query: dict[str, list[str]], body: Body) -> None:
        self.plan = plan
        self.query = query
        self.body = body
        self.left = dict(body.names)
        self.values: dict[str, Any] = {}
        self.faults: list[Fault] = []

    def bind(self, path: dict[str, str], *, from_query: bool) -> None:
        """Take the steps; on a GET the structured parameter has what the named ones leave, else the body is its own."""
        self.path(path)
        if self.plan.whole is None:
            self.twice()
        if not from_query:
            self.whole(from_query=False)
        self.sole()
        self.named()
        self.gather()
        if from_query:
            self.whole(from_query=True)
        self.rest()

    def convert(self, slot: Slot, where: Where, name: str, convert: Callable[[Any], Any], raw: Any) -> Any:
        """Convert one value; a failure is a fault."""
        try:
            return convert(raw)
        except ValidationError as error:
            self.faults.append(fault(where, name, slot.expected, error))
            return None

    def path(self, values: dict[str, str]) -> None:
        """Bind the parameters of the path."""
        for slot in self.plan.path:
            raw = [values[slot.name]]
            self.values[slot.name] = self.convert(slot, "path", slot.name, slot.converter.from_text, raw)
        if (tail := self.plan.tail) is not None:
            rest = values[tail.name].split("/") if values[tail.name] else []
            self.values[tail.name] = [
                self.convert(tail, "path", tail.name, tail.converter.from_text, [segment]) for segment in rest
            ]

    def twice(self) -> None:
        """Refuse the names that stand in the query and in the body."""
        for name in self.query.keys() & self.left.keys():
            slot = self.plan.named.get(name)
            expected = slot.expected if slot is not None else "nothing"
            self.faults.append(Fault("query", name, expected, "Given in the query and in the body"))
            del self.query[name], self.left[name]
            if slot is not None:
                self.values[slot.name] = None

    def sole(self) -> None:
        """Bind a body without names to the one parameter that can take it."""
        if self.body.form not in (Form.VALUE, Form.TEXT, Form.BYTES):
            return
        whole = self.plan.whole
        slots = [whole] if whole is not None else [s for s in self.plan.named.values() if s.alias not in self.query]
        if self.body.form is Form.VALUE:
            self._sole_value(slots)
            return
        takers = [slot for slot in slots if slot.converter.text and self.body.form is Form.TEXT]
        takers = takers or [slot for slot in slots if slot.converter.binary]
        if len(takers) != 1:
            raise UnsupportedMedia(f"No parameter of this entry can be read from {self.body.media_type}.")
        raw = self.body.value if takers[0].converter.text and self.body.form is Form.TEXT else self.body.raw
        self.values[takers[0].name] = self.convert(
            takers[0], "body", takers[0].alias, takers[0].converter.from_raw, raw
        )

    def _sole_value(self, slots: list[Slot]) -> None:
        takers = []
        for slot in slots:
            try:
                takers.append((slot, slot.converter.from_json(self.body.value)))
            except ValidationError as error:
                only = fault("body", slot.alias, slot.expected, error)
        if len(takers) == 1:
            slot, self.values[slot.name] = takers[0]
        elif len(slots) == 1:
            self.faults.append(only)
            self.values[slots[0].name] = None
        else:
            why = "More than one parameter could take it" if takers else "No parameter can take it"
            self.faults.append(Fault("body", "", "a JSON object", why))

    def named(self) -> None:
        """Bind the parameters that have a name of their own."""
        for alias, slot in self.plan.named.items():
            if slot.name in self.values:
                continue
            if alias in self.query or alias in self.left:
                self.values[slot.name] = self._take(slot, alias)
            elif slot.parameter.required:
                where: Where = "query" if self.body is NO_BODY else "body"
                self.faults.append(Fault(where, alias, slot.expected, "Missing"))

    def gather(self) -> None:
        """Bind the parameters that take all of name[...], each as a dict."""
        for alias, slot in self.plan.gather.items():
            raw: dict[str, Any] = {}
            where: Where = "query"
            for source, text in ((self.query, True), (self.left, self.body.form is Form.FIELDS)):
                for name in [name for name in source if _is_within(name, alias)]:
                    value: Any = source.pop(name)
                    where = "query" if source is self.query else "body"
                    raw[name[len(alias) + 1 : -1]] = value[0] if text and len(value) == 1 else value
            if raw:
                self.values[slot.name] = self.convert(slot, where, alias, slot.converter.from_json, raw)
            elif slot.parameter.required:
                self.faults.append(Fault("query", f"{alias}[...]", slot.expected, "Missing"))

    def whole(self, *, from_query: bool) -> None:
        """Bind the parameter that takes the whole body, or the whole query."""
        slot = self.plan.whole
        if slot is None:
            return
        if from_query:
            raw, text, where = dict(self.query), True, "query"
            self.query.clear()
            if not raw and not slot.parameter.required:
                return
        elif self.body is NO_BODY:
            if slot.parameter.required:
                self.faults.append(Fault("body", "", slot.expected, "Missing"))
            return
        elif self.body.form in (Form.OBJECT, Form.FIELDS):
            raw, text, where = dict(self.body.names), self.body.form is Form.FIELDS, "body"
            self.left.clear()
        else:
            return
        value, faults = slot.converter.whole(raw, where, text=text)
        self.values[slot.name] = value
        self.faults += faults

    def rest(self) -> None:
        """Give what is left to `**kwargs`, or refuse it, but to an entry that reads for itself."""
        slot = self.plan.rest
        if slot is None:
            if self.plan.request is None:
                self.faults += [unknown("query", name, self.plan.known) for name in self.query]
                self.faults += [unknown("body", name, self.plan.known) for name in self.left]
            return
        kept: dict[str, Any] = {}
        reserved = {"self", *(parameter.name for parameter in self.plan.signature.parameters)} - {slot.name}
        for name in [*self.query, *self.left]:
            if name in reserved:
                where: Where = "query" if name in self.query else "body"
                self.faults.append(Fault(where, name, "nothing", "The name of another parameter"))
            else:
                kept[name] = self._take(slot, name)
        self.values[slot.name] = kept

    def _take(self, slot: Slot, name: str) -> Any:
        if name in self.query:
            return self.convert(slot, "query", name, slot.converter.from_text, self.query.pop(name))
        text = self.body.form is Form.FIELDS
        convert = slot.converter.from_text if text else slot.converter.from_json
        return self.convert(slot, "body", name, convert, self.left.pop(name))


def _is_within(name: str, alias: str) -> bool:
    inner = name[len(alias) + 1 : -1]
    return name == f"{alias}[{inner}]" and inner != "" and "[" not in inner and "]" not in inner
