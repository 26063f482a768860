"""What tests of instrumented programs need: time that obeys, captured signals, faults."""

from sereno_kit.testing.clock import FakeClock, settle

__all__ = ["FakeClock", "settle"]
