"""PDF files, from bytes to bytes. Pure."""
