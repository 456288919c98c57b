"""Find the entries that a class declares. Their names give the routes."""

import inspect
from collections.abc import Iterator
from functools import cache

from msgspec import Struct

from coworks_async.entries.decorators import VERBS, EntryOptions, get_entry_options
from coworks_async.exceptions import DeclarationError
from coworks_async.types import Function

HEAD = "head"

# Methods of a service that a subclass overrides. Renaming them, as other entries, would restore the default.
_CALLED_METHODS = ("on_event", "store_response", "token_authorizer")


class Declaration(Struct, frozen=True):
    """An entry as `cls` or its base `owner` declares it, before its signature is read."""

    cls: type
    owner: type
    name: str
    function: Function
    options: EntryOptions
    method: str
    path: str  # of `@entry("/path")`; otherwise of the name, without prefix and parameters

    @property
    def has_template(self) -> bool:
        """Whether `path` is that of `@entry("/path")`, which contains its parameters."""
        return self.options.path is not None

    @property
    def qualname(self) -> str:
        return f"{self.cls.__qualname__}.{self.name}"


def iter_declarations(cls: type, base: type) -> Iterator[Declaration]:
    """Yield the entries that a class declares or inherits.

    A method is an entry if it is decorated with `@entry`, or if it is named exactly as a verb in the body of a
    subclass of `base`. An override must be decorated again, so that no option is inherited implicitly; `name = None`
    removes an inherited entry.
    """
    names = dict.fromkeys(name for owner in reversed(cls.__mro__) for name in vars(owner))
    for name in names:
        owners = [owner for owner in cls.__mro__ if name in vars(owner)]
        if vars(owners[0])[name] is not None and any(_is_entry(owner, name, base) for owner in owners):
            yield _create_declaration(cls, name, owners, base)


def find_undecorated(cls: type, base: type) -> list[Function]:
    """Return the methods that are named like entries, such as `get_items`, but are not entries.

    A method of a mixin or of a superclass outside of `base` is not meant to be an entry.
    """
    names = dict.fromkeys(name for owner in reversed(cls.__mro__) for name in vars(owner))
    found: list[Function] = []
    for name in names:
        verb, underscore, _ = name.partition("_")
        owner = next(owner for owner in cls.__mro__ if name in vars(owner))
        method = vars(owner)[name]
        is_named = verb in VERBS and underscore and name not in _reserved_names(base)
        in_body = issubclass(owner, base) and owner is not base
        if is_named and in_body and inspect.isfunction(method) and get_entry_options(method) is None:
            found.append(method)
    return found


def _is_entry(owner: type, name: str, base: type) -> bool:
    attribute = vars(owner)[name]
    if get_entry_options(attribute) is not None:
        return True
    in_body = issubclass(owner, base) and owner is not base
    return in_body and name in (*VERBS, HEAD) and attribute is not None


def _create_declaration(cls: type, name: str, owners: list[type], base: type) -> Declaration:
    owner, *overridden_owners = owners
    attribute = vars(owner)[name]
    qualname = f"{cls.__qualname__}.{name}"
    if name in _CALLED_METHODS and hasattr(base, name):
        raise DeclarationError(
            f"{qualname}: the service itself calls this method, so it is not an entry. Remove @entry."
        )
    if name in _reserved_names(base):
        raise DeclarationError(
            f"{qualname}: {base.__name__} itself has an attribute of this name. "
            f"Rename the entry, for example to {name}_."
        )
    overridden = [vars(other)[name] for other in overridden_owners]
    options = get_entry_options(attribute)
    if any(options is get_entry_options(other) and attribute is not other for other in overridden):
        options = None  # functools.wraps copied them from what the attribute overrides
    if options is None and (not _is_entry(owner, name, base) or any(map(get_entry_options, overridden))):
        raise DeclarationError(
            f"{qualname} overrides an entry, but the override in {owner.__qualname__} is not decorated. "
            f"Add @entry with all its options (no_auth is never inherited), or set {name} = None to remove the entry."
        )
    if not inspect.isfunction(attribute):
        raise DeclarationError(
            f"{qualname}: an entry must be a plain method, not a {type(attribute).__name__}. Change it or rename it."
        )
    options = options or EntryOptions()
    try:
        method, path = parse_entry_name(name) if options.path is None else (_find_method(name, options), options.path)
    except ValueError as error:
        raise DeclarationError(f"{qualname}: {error}") from None
    return Declaration(cls, owner, name, attribute, options, method, path)


def _find_method(name: str, options: EntryOptions) -> str:
    """Return the HTTP method of an entry with a path. Raises `ValueError` with a message for users."""
    verb = name.partition("_")[0]
    if options.method is None and verb not in VERBS:
        raise ValueError(
            f'its path is given, but not its HTTP method. Name it get_{name}, or use @entry("{options.path}", '
            'method="GET").'
        )
    return options.method or verb.upper()


@cache
def _reserved_names(base: type) -> frozenset[str]:
    return frozenset(dir(base)) | getattr(base, "instance_attributes", frozenset())


def parse_entry_name(name: str) -> tuple[str, str]:
    """Return the HTTP method and the static path of a method's name; raise `ValueError` with a message for users.

    `_` separates segments. Leading and trailing `_` of the path only distinguish methods. Without a verb, it is a POST.
    """
    verb, _, rest = name.partition("_")
    if verb == HEAD:
        raise ValueError(f"HEAD requests are handled by the GET entry. Rename the method to get{name[len(HEAD) :]}.")
    if verb not in VERBS:
        verb, rest = "post", name
    rest = rest.strip("_")
    if "__" in rest:
        raise ValueError("a double underscore makes an empty path segment. Use a single one.")
    return verb.upper(), "/" + rest.replace("_", "/") if rest else "/"
