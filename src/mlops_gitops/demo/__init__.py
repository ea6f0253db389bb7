"""The whole path on real data, on this machine, as a user would type it."""
