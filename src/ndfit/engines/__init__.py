"""How a block of fits is solved, and which engine does it.

Comes in: a Block. Goes out: a BlockResult. `registry` is the table of engines; each has a room of its own.
"""
