"""The demonstration: a cube, its fit, and a page of pictures.

Comes in: nothing, or a cube. Goes out: files in a folder.
"""
