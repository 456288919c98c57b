"""Methods wrapped by other decorators."""

import functools
import inspect
from typing import Any

from coworks_async import TechMicroService, entry, request
from tests.clients import Connect
from tests.entries.services import create_service, list_routes


def logged(method: Any) -> Any:
    @functools.wraps(method)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return {"logged": await method(*args, **kwargs)}

    return wrapper


def logged_sync(method: Any) -> Any:
    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return {"logged": method(*args, **kwargs)}

    return wrapper


def test_a_wrapper_has_the_parameters_of_the_wrapped_method(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        @logged
        async def get_inside(self, key: int, lang: str = "en"):
            return [key, lang]

        @logged
        @entry(no_auth=True)
        async def get_outside(self, key: int, lang: str = "en"):
            return [key, lang]

        @entry(no_auth=True)
        @logged_sync
        @logged_sync
        def get_sync(self, key: int, lang: str = "en"):
            return [key, lang]

    app = Service()
    assert list_routes(app) == {"GET /inside/{key}", "GET /outside/{key}", "GET /sync/{key}"}
    client = connect(app)
    assert client.get("/inside/7?lang=fr").json() == {"logged": [7, "fr"]}
    assert client.get("/outside/7?lang=fr").json() == {"logged": [7, "fr"]}
    assert client.get("/sync/7?lang=fr").json() == {"logged": {"logged": [7, "fr"]}}
    assert client.get("/sync/seven").status_code == 422


def test_a_decorator_may_change_the_parameters_with_a_signature(connect: Connect):
    def with_store(method: Any) -> Any:
        @functools.wraps(method)
        async def wrapper(self: Any, key: str, times: int = 1) -> Any:
            return [await method(self, key, store="the store")] * times

        wrapper.__signature__ = inspect.signature(wrapper).replace(  # type: ignore[attr-defined]
            parameters=[
                inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY),
                inspect.Parameter("key", inspect.Parameter.POSITIONAL_ONLY),
                inspect.Parameter("times", inspect.Parameter.KEYWORD_ONLY, default=1, annotation=int),
            ]
        )
        return wrapper

    async def get(self, key, store):
        return f"{key} of {store}"

    for method in (with_store(get), logged(with_store(get))):
        app = create_service(get=method)
        assert list_routes(app) == {"GET /{key}"}
        client = connect(app)
        assert "a of the store" in client.get("/a?times=2").text
        errors = client.get("/a?times=x&store=mine").json()["errors"]
        assert [error["name"] for error in errors] == ["times", "store"]


def test_a_wrapped_partial_has_its_remaining_parameters(connect: Connect):
    def price(self: Any, key: str, currency: str, *, lang: str = "en") -> list[Any]:
        return [key, currency, lang]

    in_euros = functools.partial(price, currency="EUR")

    @functools.wraps(in_euros, assigned=())
    def get(*args: Any, **kwargs: Any) -> Any:
        return in_euros(*args, **kwargs)

    client = connect(create_service(get=get))
    assert client.get("/pen?lang=fr").json() == ["pen", "EUR", "fr"]
    assert client.get("/pen?currency=USD").json() == ["pen", "USD", "en"]


def test_a_sync_method_is_an_entry(connect: Connect):
    def get(self, key: int, lang: str = "en"):
        return {"key": key, "lang": lang, "path": request.url.path}

    client = connect(create_service(get=get))
    assert client.get("/7?lang=fr").json() == {"key": 7, "lang": "fr", "path": "/7"}
