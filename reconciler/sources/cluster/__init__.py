"""Custom resources of a Kubernetes cluster as a source, and what is written back to them.

Rules: the watch makes it quick, a fresh list now and then makes it certain; while the cluster does not
answer, what was read last stays in force. Nothing is acted upon before it bears our finalizer, and the
finalizer is lifted only when nothing of it is left.
"""
