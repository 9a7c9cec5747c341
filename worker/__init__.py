"""Everything that touches the world: network, database, clock. What follows from what is decided in `handlers`."""
