"""What a run leaves: maps, errors, warnings of failures, the fitted astropy model.

Comes in: BlockResults, region by region. Goes out: maps and what follows from them.
"""
