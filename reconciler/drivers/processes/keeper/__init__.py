"""The keeper: one small process that is the parent of everything supervised, and outlives the node.

Rules: standard library only, nothing imported lazily (the files may be replaced by an upgrade while it
runs), one thread, no waiting for anybody. It may be killed at any moment: the next keeper finds what
lives by pid and start time and goes on. Run as `python -I -S PATH/keeper DIR`.
"""
