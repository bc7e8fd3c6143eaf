"""Abdomens as computed tomography shows them, with a liver and its lesions known.

A body is drawn in millimetres (`habitus`, `wall`, `organs`, `vessels`, `lesions`), painted in Hounsfield
units (`canvas`, `phases`), and scanned (`scanner`). Nothing in it is measured from a person.
"""
