"""Every door of the house, one family of them a file: what a kind is, and what the outside world must offer.

Rules: a port speaks in the nouns of `model`; a driver implements one port and has a Fake that keeps
the same contract; nobody but the runtime knows which driver stands behind a port.
"""
