"""What tests of instrumented programs need: time that obeys, captured signals, faults."""
