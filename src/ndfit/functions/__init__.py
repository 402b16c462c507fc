"""Functions as models: what is no astropy model, and can be fitted all the same.

Comes in: a Python function, an lmfit model or a sympy expression, with starting values and constraints by plain names.
Goes out: an astropy model, so that everything else goes on as with any other.
"""
