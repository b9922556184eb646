"""One file per claim: each measures a ratio against a peer or a limit, in one run, on the same work."""
