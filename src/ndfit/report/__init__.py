"""The page of a result.

Comes in: a FitResult. Goes out: one HTML file that needs nothing else.
"""
