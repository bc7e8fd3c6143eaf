"""What the page may do: run the scripts that it was written with and show the pictures that it holds."""

import base64
import hashlib
from collections.abc import Iterable

from markupsafe import Markup


def source(text: str) -> str:
    """Return how a policy names a script or style sheet that may be used: by its digest.

    >>> source("alert(1)")
    "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"
    """
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def content_security_policy(scripts: Iterable[str], styles: Iterable[str]) -> Markup:
    """Return the policy of a page with these scripts and style sheets.

    Nothing is loaded, from nowhere: pictures and the font of the 3D viewer are data of the page. niivue needs
    no ``connect-src``, ``worker-src``, ``unsafe-eval`` or ``wasm-unsafe-eval`` for volumes that are in
    memory already, so it gets none. No form can be sent, and no base address changes where links lead.
    """
    parts = {
        "default-src": ["'none'"],
        "script-src": [source(text) for text in scripts],
        "style-src": [source(text) for text in styles],
        "img-src": ["data:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    # digests and keywords only: no text of a user is in it
    return Markup("; ".join(" ".join([name, *values]) for name, values in parts.items()))  # noqa: S704
