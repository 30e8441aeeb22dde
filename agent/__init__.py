"""From a Question to a stream of Events that ends in an Answer. Start with agent/graph.py."""
