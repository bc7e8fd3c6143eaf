"""People look at results: who said what of which labels, what they corrected, and what comes first."""
