"""Description of AWS gateways for deploys, and their simulation. Not part of a deployment archive."""

from coworks_async.gateway.messages import VIAS, Via
from coworks_async.gateway.responses import to_http_response
from coworks_async.gateway.simulator import Gateway, GatewayApp, print_error

__all__ = ["VIAS", "Gateway", "GatewayApp", "Via", "print_error", "to_http_response"]
