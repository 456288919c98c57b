"""What a class declares: its entries, found once, with the rules of inheritance."""

import inspect
from collections.abc import Iterator
from functools import cache

from msgspec import Struct

from coworks_async.entries.decorators import EntryOptions, get_entry_options
from coworks_async.entries.naming import HEAD, VERBS, route_from_name
from coworks_async.exceptions import DeclarationError
from coworks_async.types import Function


class Declaration(Struct, frozen=True):
    """An entry as a class declares it, before its signature is read; `owner` is the class whose body it stands in."""

    cls: type
    owner: type
    name: str
    function: Function
    options: EntryOptions
    method: str
    path: str

    @property
    def where(self) -> str:
        """How errors name it."""
        return f"{self.cls.__qualname__}.{self.name}"


def iter_declarations(cls: type, base: type) -> Iterator[Declaration]:
    """Yield what `cls`, a subclass of `base` (the service or the blueprint), declares as entries.

    A method is an entry when `@entry` stands on it, or when it is named exactly for a verb in the body of a subclass
    of `base`. What a class overrides must be declared anew, so that nothing is opened or closed unsaid; `name = None`
    takes an inherited entry away.

    Raises:
        DeclarationError: a name, a decorator or an override that makes no entry.
    """
    names = dict.fromkeys(name for owner in reversed(cls.__mro__) for name in vars(owner))
    for name in names:
        owners = [owner for owner in cls.__mro__ if name in vars(owner)]
        attribute = vars(owners[0])[name]
        if not any(_is_entry(owner, name, base) for owner in owners) or attribute is None:
            continue
        yield _declaration(cls, name, owners[0], base)


def _is_entry(owner: type, name: str, base: type) -> bool:
    attribute = vars(owner)[name]
    if get_entry_options(attribute) is not None:
        return True
    in_body = issubclass(owner, base) and owner is not base
    return in_body and name in (*VERBS, HEAD) and attribute is not None


def _declaration(cls: type, name: str, owner: type, base: type) -> Declaration:
    attribute = vars(owner)[name]
    where = f"{cls.__qualname__}.{name}"
    if name in _reserved(base):
        raise DeclarationError(f"{where} hides {base.__name__}.{name}; rename the entry, for instance to {name}_.")
    above = [vars(cls)[name] for cls in cls.__mro__[cls.__mro__.index(owner) + 1 :] if name in vars(cls)]
    options = _own_options(attribute, above)
    if options is None and (not _is_entry(owner, name, base) or any(map(get_entry_options, above))):
        raise DeclarationError(
            f"{where} overrides an entry without @entry in {owner.__qualname__}; "
            "decorate it and repeat its options (no_auth is never inherited), or set it to None to take it away."
        )
    if not inspect.isfunction(attribute):
        kind = type(attribute).__name__
        raise DeclarationError(f"{where} is a {kind}, which cannot be an entry; make it a plain method, or rename it.")
    try:
        method, path = route_from_name(name)
    except ValueError as error:
        raise DeclarationError(f"{where}: {error}.") from None
    return Declaration(cls, owner, name, attribute, options or EntryOptions(), method, path)


def _own_options(attribute: object, above: list[object]) -> EntryOptions | None:
    """The options of an attribute, but those that `functools.wraps` copied from what it overrides."""
    options = get_entry_options(attribute)
    if any(options is get_entry_options(other) and attribute is not other for other in above):
        return None
    return options


@cache
def _reserved(base: type) -> frozenset[str]:
    """The names that an entry would take from the machinery itself: the base's attributes, and those it sets."""
    return frozenset(dir(base)) | getattr(base, "instance_attributes", frozenset())
