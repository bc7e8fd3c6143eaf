"""One verb a file: read, call one room, write. Where rooms meet."""
