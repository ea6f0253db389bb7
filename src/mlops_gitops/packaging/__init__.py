"""What exactly is it: digests, the scan of model files, provenance, releases, and what a registry shall show."""
