"""Gateways on this machine: what stands in for AWS in the test client and in `cws run --lambda` and `cws invoke`."""

from coworks_async.aws.exchange import VIAS, Via
from coworks_async.aws.standin.answers import answer_of
from coworks_async.aws.standin.front import GatewayFront
from coworks_async.aws.standin.gateway import Gateway, report

__all__ = ["VIAS", "Gateway", "GatewayFront", "Via", "answer_of", "report"]
