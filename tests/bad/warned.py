"""What the workbench tells of and goes on."""

import logging


class Codes(logging.Handler):
    """Keeps the codes that warnings begin with."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.found = []

    def emit(self, record):
        self.found.append(record.getMessage().partition(" ")[0])


def warned_of(function, *arguments):
    """Call a function, and return the codes of its warnings."""
    codes, log = Codes(), logging.getLogger("medscience")
    log.addHandler(codes)
    try:
        function(*arguments)
    finally:
        log.removeHandler(codes)
    return codes.found
