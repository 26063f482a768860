"""What is wrong with the configuration that a team has: rules, Alertmanager, dashboards, manifests."""
