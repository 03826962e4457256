"""The kinds that a simulated node knows."""

from __future__ import annotations

from reconciler.ports.kinds import Kinds
from tests.simulation.crowd import Crowd
from tests.simulation.feed import Source
from tests.simulation.thing import Plain, Thing

KINDS = Kinds({"Thing": Thing(), "Plain": Plain(), "Crowd": Crowd(), "Source": Source()})
