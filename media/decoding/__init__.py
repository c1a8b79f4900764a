"""Decodes what cameras send in processes of their own, so that a codec takes none but itself along.

A *decoder* is a process for one stream of one camera. The *nursery* is the process that it is
forked from. See docs/isolation.md.
"""
