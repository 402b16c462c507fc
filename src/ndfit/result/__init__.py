"""What a run leaves: maps, errors, what is told of failures, the fitted astropy model.

Comes in: BlockResults, region by region. Goes out: maps and what follows from them.
"""
