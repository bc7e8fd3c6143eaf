"""Settings and the sample sheet: the only room that parses YAML and TSV from people."""
