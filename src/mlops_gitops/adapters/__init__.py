"""The only rooms that know a foreign system: git, GitHub, MLflow, Docker, a registry, a model's own runtime."""
