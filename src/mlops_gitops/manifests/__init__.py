"""What is claimed: YAML text → positions → schema → lint rules → frozen records.

The room never judges whether a claim is true (testing does) and never runs anything that a file names.
"""
