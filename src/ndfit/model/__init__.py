"""The model as data: a graph of operations that computes what the caller's model computes.

Comes in: a unitless astropy model. Goes out: its graph, derivatives, design matrix and dimensions, compared with the
model by numbers.
"""
