"""The serving image: assembled from layers without running anything, so that the same inputs give the same digest."""
