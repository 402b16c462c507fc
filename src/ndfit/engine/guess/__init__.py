"""Starting values from the data: what a model is made of, where its lines are, how much background lies under them."""
