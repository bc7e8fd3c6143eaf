"""A thorax that breathes, and its cone-beam projections, with everything about them known."""
