"""The networks, and the converters of published weights."""
