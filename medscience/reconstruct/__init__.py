"""From cone-beam projections to images; RTK does the tomography, and is imported nowhere else."""
