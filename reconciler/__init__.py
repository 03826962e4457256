"""Holdfast keeps a machine as its git repository says it should be."""

__version__ = "0.1.0"
