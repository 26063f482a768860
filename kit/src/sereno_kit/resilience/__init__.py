"""Guards around calls: retry, breaker, bulkhead, limits, time-outs, and their composition."""
