"""Find unknown keys in JSON that msgspec would ignore: those of Structs, dataclasses and TypedDicts.

A second decoder finds them much faster than a loop over parsed objects. Its types forbid unknown keys and skip values.
"""

from typing import Any, Union

from msgspec import Raw, defstruct, field
from msgspec import inspect as mi

from coworks_async.entries.coercion import OBJECT_TYPES, alternatives, read_only_fields, walk_types


def ignores_keys(info: mi.Type) -> bool:
    """Return whether msgspec ignores unknown keys in an object of a type."""
    if isinstance(info, mi.StructType):
        return not info.forbid_unknown_fields
    return isinstance(info, mi.DataclassType | mi.TypedDictType)


def can_check_keys(info: mi.Type, outer: frozenset[int] = frozenset()) -> bool:
    """Return whether `create_key_type` supports a type. `outer` are the objects that contain it."""
    if not any(map(ignores_keys, walk_types(info))):
        return True
    members = _members(info)
    if len(members) > 1:
        return all(isinstance(member, OBJECT_TYPES) and can_check_keys(member, outer) for member in members)
    [member] = members
    if isinstance(member, OBJECT_TYPES):
        if id(member) in outer or getattr(member, "array_like", False):
            return False
        return all(can_check_keys(inner.type, outer | {id(member)}) for inner in member.fields)
    if isinstance(member, mi.ListType | mi.VarTupleType):
        return can_check_keys(member.item_type, outer)
    return isinstance(member, mi.DictType) and can_check_keys(member.value_type, outer)


def create_key_type(info: mi.Type) -> Any:
    """Create a type that decodes the same JSON, without its values, and forbids unknown keys."""
    if not any(map(ignores_keys, walk_types(info))):
        return Raw
    members = [_create_member(member) for member in _members(info)]
    return Union[(*members, None)]


def _members(info: mi.Type) -> list[mi.Type]:
    return [member for member in alternatives(info) if not isinstance(member, mi.NoneType)]


def _create_member(info: Any) -> Any:
    if isinstance(info, OBJECT_TYPES):
        return _create_object(info)
    if isinstance(info, mi.DictType):
        return dict[str, create_key_type(info.value_type)]  # type: ignore[misc]
    return list[create_key_type(info.item_type)]  # type: ignore[misc]


def _create_object(info: Any) -> Any:
    read_only = read_only_fields(info.cls)
    fields = [
        (f"field{number}", create_key_type(each.type), field(default=None, name=each.encode_name))
        for number, each in enumerate(info.fields)
        if each.name not in read_only
    ]
    tag = {"tag": info.tag, "tag_field": info.tag_field} if getattr(info, "tag_field", None) else {}
    # Its instances live only during the check, so the garbage collector need not track them.
    return defstruct("Keys", fields, forbid_unknown_fields=True, gc=False, **tag)
