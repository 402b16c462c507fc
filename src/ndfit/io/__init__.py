"""Files in and out: FITS, zarr, HDF5, and the record of a run.

Comes in: a FitResult, or a file from anywhere. Goes out: a file that appears whole or not at all, or what a file holds;
reading never runs code.
"""
