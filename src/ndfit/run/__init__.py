"""Where and when regions are solved, and what is kept of a run that is cut off.

Comes in: a FitProblem and a Pipeline. Goes out: maps.
"""
