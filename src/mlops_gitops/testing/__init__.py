"""Is it good?  Tests of data and models that answer pass, fail or inconclusive, with the number and its uncertainty.

Data are read once, into a profile that can be merged; every data check is a pure function of that profile.  Models are
judged on predictions that somebody else made, in a process of their own; nothing in this package loads a model.
"""
