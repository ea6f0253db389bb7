"""GitOps for machine-learning models: promotion by commit, and a commit only when signed evidence allows it."""

__version__ = "0.1.0"
