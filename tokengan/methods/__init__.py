"""One file a published method, each a short composition of parts."""
