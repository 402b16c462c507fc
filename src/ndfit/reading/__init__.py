"""Files of results -> FitResult, with the data and models that files do not hold given back."""
