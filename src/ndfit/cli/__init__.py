"""The command line.

Comes in: options and arguments as text. Goes out: checked values for `ndfit.fit`, files, and messages.
"""
