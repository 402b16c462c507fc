"""Starting values from each position's own samples.

Comes in: a Block and the terms of its model. Goes out: tables of starting values.
"""
