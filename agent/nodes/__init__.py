"""The steps of the graph, one file each: it reads the state, does one thing with Deps, returns what it adds."""
