"""The dialects that people's clients already speak, beside the native API of workers/rest.py."""
