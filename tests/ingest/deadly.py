"""A decoder that some bytes kill, as they kill native ones."""

import os
import signal

from medscience.ingest.dicom.decode import decode

DEADLY = b"deadly"


def deadly(frame, form):
    if frame == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    return decode(frame, form)
