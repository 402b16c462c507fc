"""Quantities that follow from fitted parameters.

Flows in: a result, and what is asked for. Flows out: maps with units and standard errors.
"""
