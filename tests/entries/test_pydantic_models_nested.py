"""Unknown keys nested in a pydantic model."""

from collections.abc import Mapping, Sequence
from typing import Any

from coworks_async import TechMicroService, entry
from tests.clients import Connect
from tests.entries.pydantic_models import (
    AliasedPoint,
    Box,
    Named,
    Note,
    Other,
    Pet,
    Spot,
    Tag,
    Tags,
    box,
)
from tests.http_requests import assert_bound, shown


def create_box_service(annotations: list[Any]) -> TechMicroService:
    """Create a service whose POST /box/<n> takes a model with a `content` of the n-th annotation."""
    methods = {}
    for number, annotation in enumerate(annotations):

        async def take(self: TechMicroService, item: Any) -> str:
            return shown(item)

        take.__annotations__["item"] = box[annotation]
        methods[f"post_box_{number}"] = entry(no_auth=True)(take)
    service: TechMicroService = type("Boxes", (TechMicroService,), methods)()
    return service


NESTED: list[tuple[Any, Any, str]] = [
    (Tag, {"name": "a", "nope": 1}, "nope"),
    (Tag | None, {"name": "a", "nope": 1}, "nope"),
    (list[Tag], [{"name": "a"}, {"name": "b", "nope": 1}], "1.nope"),
    (Sequence[Tag], [{"name": "a", "nope": 1}], "0.nope"),
    (tuple[Other, Tag], [{"size": 1}, {"name": "a", "nope": 1}], "1.nope"),
    (dict[str, Tag], {"k": {"name": "a", "nope": 1}}, "k.nope"),
    (dict[int, Tag], {"7": {"name": "a", "nope": 1}}, "7.nope"),
    (Mapping[str, Tag], {"k": {"name": "a", "nope": 1}}, "k.nope"),
    (Tag | Other, {"size": 1, "nope": 1}, "nope"),
    (Tag | Other, {"size": 1, "weight": 1}, "weight"),
    (list[Pet], [{"kind": "dog", "lives": 1}], "0.lives"),
    (Box[Tag], {"content": {"name": "a", "nope": 1}}, "content.nope"),
    (Tags, [{"name": "a", "nope": 1}], "0.nope"),
    (Named, {"k": {"name": "a", "nope": 1}}, "k.nope"),
    (Spot, {"x": 1, "nope": 1}, "nope"),
    (Spot, {"x": 1, "y": 1}, "y"),
    (AliasedPoint, {"X": 1, "x": 1}, "x"),
    (Note, {"text": "a", "nope": 1}, "nope"),
    (dict[int, int], {"1": 1, "01": 2}, "1"),
]


def test_a_nested_unknown_key_is_an_error(connect: Connect):
    client = connect(create_box_service([annotation for annotation, _, _ in NESTED]))
    for number, (_, sent, path) in enumerate(NESTED):
        response = client.post(f"/box/{number}", json={"content": sent})
        assert response.status_code == 422
        assert response.json()["errors"][0] == {
            "where": "body",
            "name": f"content.{path}",
            "expected": "nothing",
            "detail": "Unknown name",
        }


KNOWN: list[tuple[Any, Any]] = [
    (tuple[Other, Tag], [{"size": 1}, {"name": "a"}]),
    (dict[int, Tag], {"7": {"name": "a"}}),
    (Tag | Other, {"size": 1}),
    (list[Pet], [{"kind": "dog", "name": "a"}, {"kind": "cat"}]),
    (Tags, [{"name": "a"}]),
    (Spot, {"x": 1}),
    (AliasedPoint, {"X": 1}),
    (Note, {"text": "a"}),
    (set[int], [1, 1, 2]),
    (Any, {"a": [{"b": 1}]}),
    (str | None, None),
]


def test_nested_known_keys_are_accepted(connect: Connect):
    client = connect(create_box_service([annotation for annotation, _ in KNOWN]))
    for number, (annotation, sent) in enumerate(KNOWN):
        assert_bound(client.post(f"/box/{number}", json={"content": sent}), box[annotation](content=sent))
