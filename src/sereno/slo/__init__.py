"""The arithmetic of promises: SLIs, budgets, burn rates, windows."""
