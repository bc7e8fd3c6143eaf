"""Machines that are made up: programs on a PATH of their own."""

import pytest


@pytest.fixture
def machine(tmp_path):
    """Installs shell scripts and returns the environment that finds them, and nothing else."""
    programs = tmp_path / "bin"
    programs.mkdir()

    def install(scripts=(), **variables):
        for name, script in dict(scripts).items():
            path = programs / name
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        return {"PATH": str(programs), **variables}

    return install
