"""A person looks at a run's results, the worst first, corrects them and says so."""
