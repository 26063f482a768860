"""The wire formats of samples: strict readers, straight into columns."""
