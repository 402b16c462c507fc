"""The compiled engine: many fits side by side, and a second look at those that stall.

Comes in: a Block and a model's code. Goes out: a BlockResult.
"""
