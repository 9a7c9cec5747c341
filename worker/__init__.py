"""Everything that touches the world: the network, the database, the clock. What follows from what is decided in `handlers`."""
