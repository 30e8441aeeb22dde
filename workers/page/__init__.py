"""The web page: static files without a build step, and what serves them."""
