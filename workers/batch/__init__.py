"""Batches: a file of questions in, a file of proven answers out."""
