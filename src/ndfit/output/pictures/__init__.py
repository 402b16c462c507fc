"""Pictures of a result, with matplotlib: maps of parameters, and single fits."""
