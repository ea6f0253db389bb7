"""Does the image hold what the tests of the model promised: the very container that will run, asked and watched.

What a container did is a frozen record; what that means is a pure function of it.  Only ``run`` knows an order of
events, and it knows containers by a ``Protocol`` alone.
"""
