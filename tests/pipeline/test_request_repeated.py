"""What a client sends twice is there twice, or joined by the gateway: nothing of it is lost."""

import pytest

from coworks_async import TechMicroService, entry, request
from tests.clients import Connect


class Seen(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return request.headers.getlist("x-seen")

    @entry(no_auth=True)
    async def get_cookies(self):
        return request.cookies


def test_a_header_that_is_sent_twice_keeps_both_values_in_order(connect: Connect):
    answer = connect(Seen()).get("/", headers=[("X-Seen", "2"), ("X-Seen", "1")])
    assert ",".join(answer.json()).replace(" ", "") == "2,1"


@pytest.mark.parametrize("sent", [[("cookie", "a=1; b=2")], [("cookie", "a=1"), ("cookie", "b=2")]])
def test_cookies_are_all_there_whether_in_one_header_or_in_two(connect: Connect, sent: list[tuple[str, str]]):
    assert connect(Seen()).get("/cookies", headers=sent).json() == {"a": "1", "b": "2"}
