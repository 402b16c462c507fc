"""What is done to one block, step by step, before and after an engine has solved it.

Comes in: a Block. Goes out: a BlockResult with the better of its starts, without outliers, with signs, flags and drawn
errors.
"""
