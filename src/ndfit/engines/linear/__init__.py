"""Models that are linear in every free parameter, solved directly within their bounds.

Comes in: a Block and a design matrix. Goes out: a BlockResult.
"""
