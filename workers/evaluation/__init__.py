"""Runs a set of questions through the product and scores the answers."""
