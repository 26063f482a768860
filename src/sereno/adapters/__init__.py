"""Everything that touches the world: clock, SQL, sample store, Prometheus, notifiers."""
