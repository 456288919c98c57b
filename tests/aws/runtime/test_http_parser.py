"""The parser of the Runtime API's responses."""

import pytest

from coworks_async.aws.runtime.http_parser import ApiResponse, ProtocolError, ResponseParser

PLAIN = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-A:  b \r\nContent-Length: 8\r\n\r\n{"a": 1}'
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n5;x=y\r\n": 1}\r\n0\r\nTrailer: t\r\n\r\n'
EMPTY = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


def feed(parser: ResponseParser, data: bytes, size: int) -> list[ApiResponse]:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return [response for piece in pieces if (response := parser.feed(piece)) is not None]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("data", [PLAIN, CHUNKED])
def test_a_response_is_complete_at_its_last_byte_however_it_is_split(data: bytes, size: int):
    parser = ResponseParser()
    for _ in range(2):
        [response] = feed(parser, data, size)
        assert (response.status, response.body) == (200, b'{"a": 1}')


def test_header_names_are_in_lower_case_and_values_stripped():
    [response] = feed(ResponseParser(), PLAIN, 1000)
    assert response.headers == {"content-type": "application/json", "x-a": "b", "content-length": "8"}


def test_a_body_may_be_empty_and_another_response_follow():
    parser = ResponseParser()
    assert [parser.feed(EMPTY), parser.feed(PLAIN), parser.feed(EMPTY)] == [
        ApiResponse(202, {"content-length": "0"}),
        ApiResponse(200, {"content-type": "application/json", "x-a": "b", "content-length": "8"}, b'{"a": 1}'),
        ApiResponse(202, {"content-length": "0"}),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n\r\n",
        b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-6\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
        PLAIN + b"HTTP/1.1",
    ],
)
def test_anything_else_is_a_protocol_error(data: bytes):
    with pytest.raises(ProtocolError):
        ResponseParser().feed(data)


def test_an_error_names_headers_but_not_their_values():
    with pytest.raises(ProtocolError, match="'lambda-runtime-client-context'") as caught:
        ResponseParser().feed(b"HTTP/1.1 200 OK\r\nLambda-Runtime-Client-Context: secret\r\n\r\n")
    assert "secret" not in str(caught.value)
