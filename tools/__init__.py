"""Reaching out: search engines, web pages, files, the local library. Knows URLs and bytes; not R1, prompts or users."""
