"""Gateways on this machine: what stands in for AWS in the test client and in `cws run --lambda` and `cws invoke`."""

from coworks_async.gateway.asgi import GatewayFront
from coworks_async.gateway.messages import VIAS, Via
from coworks_async.gateway.responses import answer_of
from coworks_async.gateway.simulator import Gateway, report

__all__ = ["VIAS", "Gateway", "GatewayFront", "Via", "answer_of", "report"]
