"""What others wrote for Prometheus and Alertmanager, as documents of a spec; the command line reads and writes."""
