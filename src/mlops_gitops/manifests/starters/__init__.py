"""First files that pass ``validate`` and can be built on: a model, an environment repository, workflows.

Each module is one function from names to files (path → text).  Nothing is written here.
"""
