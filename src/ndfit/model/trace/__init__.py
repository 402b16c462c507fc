"""Running a model's own code on symbols.

Comes in: a unitless astropy model. Goes out: its graph, or the reason, in one line, why its code cannot be run on
symbols.
"""
