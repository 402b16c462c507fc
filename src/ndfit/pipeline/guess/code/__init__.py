"""The guess, written in the language of `ndfit.compiler`.

Comes in: samples of a tile of fits. Goes out: peaks, backgrounds and refitted lines.
"""
