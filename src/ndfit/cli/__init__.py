"""The command line.

Comes in: words. Goes out: checked values for `ndfit.fit`, files, and sentences.
"""
