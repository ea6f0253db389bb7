"""Known vulnerabilities of packages: records of the OSV format against what an image holds.  Pure."""
