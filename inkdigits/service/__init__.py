"""The service: the reader behind HTTP, and the page that is drawn on."""
