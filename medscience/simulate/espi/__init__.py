"""Electronic speckle pattern interferometry of a struck steelpan, with everything about it known."""
