"""What is to be fitted: every input of the call, checked and normalised once.

Comes in: the caller's arguments. Goes out: a FitProblem, and of each region of it a Block.
"""
