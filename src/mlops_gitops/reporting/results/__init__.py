"""What tests found, in the forms that people and tools read: a page, Markdown, JUnit, SARIF, annotations, statements.

Each form takes the same ``Results`` and says the same.  Messages, names and values come from hostile files; every form
escapes them for its own markup.
"""
