"""An error that says whose fault it may be."""

from __future__ import annotations

from node.errors import TransportError
from node.network.failing import Fault, TunnelError


def test_it_says_where_the_way_ended_and_is_an_error_of_a_connection():
    error = TunnelError("no tunnel there", fault=Fault.FAR_END, code="E-TUNNEL-FAR")
    assert isinstance(error, TransportError)
    assert error.fault is Fault.FAR_END
    assert str(error) == "no tunnel there (E-TUNNEL-FAR)"
