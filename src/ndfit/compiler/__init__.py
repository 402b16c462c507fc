"""A language from which llvmlite makes machine code, and the cache of what it made.

Comes in: Python functions that write code. Goes out: addresses of machine code, for any target that LLVM has.
"""
