"""Pictures of maps and of single fits.

Comes in: a FitResult. Goes out: figures of matplotlib, which is imported when one is asked for.
"""
