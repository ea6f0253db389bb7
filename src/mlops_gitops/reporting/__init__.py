"""Findings → what people and machines read: text, JSON, annotations, SARIF, Markdown.

A reporter gets findings and returns text.  It does not know which rule made a finding or why, and nothing that a file
holds can change how the report is read: control characters, workflow commands, HTML and mentions are made inert.
"""
