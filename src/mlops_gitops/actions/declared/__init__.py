"""The Actions, each declared in the module of its name as ``ACTION``."""
