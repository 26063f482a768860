"""`sereno demo`: a small shop, its customers, a month of generated history, a mail sink and the control plane."""
