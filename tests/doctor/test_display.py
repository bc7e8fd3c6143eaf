import socket

import pytest

from medscience.doctor.display import display, napari
from medscience.doctor.finding import State


def test_no_screen_is_no_fault_and_the_way_round_is_named(machine):
    found = display(machine(), platform="linux")
    assert found.state is State.ABSENT
    assert "apt install xvfb" in found.fix
    assert "apt" not in display(machine({"xvfb-run": ":"}), platform="linux").fix


@pytest.mark.parametrize("number", [":7", ":7.0"])
def test_a_screen_that_is_named_must_answer(number, machine, tmp_path):
    environment = machine(DISPLAY=number)
    found = display(environment, "linux", tmp_path)
    assert (found.state, found.found) == (State.WARNING, f"DISPLAY={number}, but nothing answers there")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "X7"))
        server.listen()
        assert display(environment, "linux", tmp_path).state is State.OK


def test_wayland_a_forwarded_screen_and_a_mac_are_screens(machine):
    assert display(machine(WAYLAND_DISPLAY="wayland-0"), "linux").state is State.OK
    assert display(machine(DISPLAY="localhost:10.0"), "linux").state is State.OK
    assert display(machine(), "darwin").state is State.OK


@pytest.mark.parametrize(
    "versions, binding, state, fix",
    [
        ({}, "PySide6", State.ABSENT, "napari[pyside6]"),
        ({"napari": "0.9.2"}, None, State.WARNING, "napari[pyside6]"),
        ({"napari": "0.9.2"}, "PyQt6", State.WARNING, "plugins/napari-medscience"),
        ({"napari": "0.9.2", "napari-medscience": "0.1.0"}, "PyQt6", State.OK, ""),
    ],
)
def test_napari_needs_qt_and_our_plugin(versions, binding, state, fix):
    found = napari(versions.get, lambda name: name == binding)
    assert found.state is state
    assert fix in found.fix
