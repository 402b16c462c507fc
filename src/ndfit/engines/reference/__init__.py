"""The caller's own astropy fitter, one position after the other.

Comes in: a Block, a model and a fitter. Goes out: a BlockResult.
"""
