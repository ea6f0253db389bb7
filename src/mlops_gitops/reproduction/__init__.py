"""Can it be made again: train a model twice, say how far the two agree, and find what makes them differ."""
