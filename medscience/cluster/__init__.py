"""Many machines: what a cluster offers, what a cohort asks of it, and how far it has come."""
