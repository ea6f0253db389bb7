"""The ML Test Score of a release, from signed evidence about it and from nothing else.

E. Breck, S. Cai, E. Nielsen, M. Salib, D. Sculley: The ML Test Score: A Rubric for ML Production Readiness and
Technical Debt Reduction, IEEE Big Data 2017.  ``rubric`` is the table of the 28 tests and of what shows each;
``scoring`` is a pure function of evidence.
"""
