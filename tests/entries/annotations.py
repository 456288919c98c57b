"""Annotations of every kind, by the name of their path in the services of `tests.http_requests.taking`."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta


class Colour(Enum):
    RED = "red"
    GREEN = "it's"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


ANNOTATIONS: dict[str, Any] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "decimal": Decimal,
    "uuid": UUID,
    "datetime": datetime,
    "date": date,
    "time": time,
    "timedelta": timedelta,
    "colour": Colour,
    "level": Level,
    "word": Literal["a", "b"],
    "wordornumber": Literal["1", 2],
    "optional": int | None,
    "optionaltext": str | None,
    "described": Annotated[int, Meta(description="How many")] | None,
    "describedunion": Annotated[int | None, Meta(description="How many")],
    "intorstr": int | str,
    "strorint": str | int,
    "describedorstr": Annotated[int, Meta(description="How many")] | str,
    "floatorstr": float | str,
    "boolorstr": bool | str,
    "yes": Literal[True] | None,
    "yesortwo": Literal[True, 2],
    "yesorstr": Literal[True] | str,
    "oneorfloat": Literal[1] | float,
    "levelorbool": Level | bool,
    "intorfloat": int | float,
    "intorbool": bool | int,
    "intordate": int | date,
    "intoruuid": UUID | int,
    "intordecimal": int | Decimal,
    "limited": Annotated[int, Meta(ge=1, le=10)],
    "short": Annotated[str, Meta(max_length=3)],
    "coded": Annotated[str, Meta(pattern="^[a-z]+$")],
    "anything": Any,
    "bytes": bytes,
}
