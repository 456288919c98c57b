"""Each entry has its own path and method, although OpenAPI considers more paths equal than the service does."""

from coworks_async import Blueprint, TechMicroService, entry
from tests.openapi.document_validation import create_document


def get_path_names(operation) -> list[str]:
    return [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"]


def test_paths_that_differ_only_in_parameter_names_are_merged():
    class Items(TechMicroService):
        @entry
        async def get_items(self, item: int):
            return item

        @entry
        async def delete_items(self, name: str):
            return None

    [path] = create_document(Items())["paths"].items()
    assert path[0] == "/items/{item}"
    assert get_path_names(path[1]["get"]) == get_path_names(path[1]["delete"]) == ["item"]
    schemas = [path[1][method]["parameters"][0]["schema"] for method in ("get", "delete")]
    assert schemas == [{"type": "integer"}, {"type": "string"}]


def test_the_rest_of_a_path_is_one_segment():
    class Files(TechMicroService):
        @entry
        async def get_files(self, bucket, *path: int):
            return list(path)

    [[path, methods]] = create_document(Files())["paths"].items()
    assert path == "/files/{bucket}/{path}"
    parameter = methods["get"]["parameters"][1]
    assert parameter["schema"] == {"type": "integer"}
    assert parameter["description"] == "The rest of the path: zero or more segments."


def test_the_rest_of_a_path_takes_more_segments_than_other_entries_of_the_method():
    class Files(TechMicroService):
        @entry
        async def get_files(self, *path: str):
            return list(path)

        @entry
        async def get_files_(self, name: str):
            return name

        @entry
        async def get_files__(self, name: str, page: int):
            return name

        @entry
        async def delete_files(self, *path: str):
            return None

    paths = create_document(Files())["paths"]
    assert {path: sorted(methods) for path, methods in paths.items()} == {
        "/files/{path}/{path2}/{path3}": ["get"],
        "/files/{name}": ["delete", "get"],
        "/files/{name}/{page}": ["get"],
    }
    assert get_path_names(paths["/files/{path}/{path2}/{path3}"]["get"]) == ["path", "path2", "path3"]


def test_the_root_and_prefixes_are_those_of_the_routes():
    class Bare(Blueprint):
        @entry
        async def get(self):
            return ""

        @entry
        async def get_(self, key: str):
            return key

    service = TechMicroService(name="shop")
    service.register_blueprint(Bare())
    service.register_blueprint(Bare(name="two"), url_prefix="a_b/c")
    assert set(create_document(service)["paths"]) == {"/", "/{key}", "/a_b/c", "/a_b/c/{key}"}
