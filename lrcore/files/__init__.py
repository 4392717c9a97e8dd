"""State in files: formats, and the document that they hold."""
