"""What a model's graph is, and everything that follows from it. Plain networkx and numpy."""
