"""The parts of a self-contained HTML page: elements, style, pictures, sections.

Nothing here fetches anything or needs a script, and every word that a training wrote is escaped in ``elements``.
"""
