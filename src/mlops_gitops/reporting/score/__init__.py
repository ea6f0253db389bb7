"""The ML Test Score as people and programs read it: text, JSON, a badge, a page."""
