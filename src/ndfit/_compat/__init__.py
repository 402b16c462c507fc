"""Names of other packages that are not public, behind one door.

Holds a function for each such name that is needed, with the reason why no public one serves; the lint refuses them
elsewhere. Comes in: objects of astropy, dask and Python. Goes out: what these know and do not tell.
"""
