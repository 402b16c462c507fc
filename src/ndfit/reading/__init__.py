"""Files of results -> FitResult, with the data and models that files do not hold given back.

Comes in: a file, and what is given back. Goes out: a FitResult; reading never runs code.
"""
