"""A crowd in one conference: what it costs a client to learn who is there, and to follow what happens."""
