"""Parse and evaluate PromQL over columns of samples, whole ranges at once, with no network and no disk."""
