"""Public data sets of livers on CT, as they are unpacked: which files belong together."""
