"""Wires settings, store, drivers, sources, kinds, engine and plug-ins into one node."""
