"""Spectral lines: which there are, how they are tied, and the models that these make.

Comes in: names of lines, or a file or a table of them. Goes out: LineSet, from which ordinary astropy models are built.
"""
