"""What a run found about a pull request of a model repository, in one picture, and the ways to show it.

``assembly`` puts the JSON that verbs printed together into a ``Scorecard`` of frozen records; ``markdown``, ``document``
and ``annotations`` show it; ``sticky`` decides what becomes of the comment on the pull request.  All of it is pure.
The reports come from a job that ran the code of a pull request, so every word and number in them is somebody else's: it
is shown inert and cut, and decides nothing but what is shown.
"""
