"""The guess of starting values, compiled: what `ndfit.engine.guess` does with arrays, a group of fits at a time."""
