"""Decoders that behave and misbehave, for the fence; they are called in a process of its own."""

import ctypes
import os
import time

import numpy as np

from medscience.errors import InputError


def numbers(shape, dtype):
    return (np.arange(np.prod(shape)) % 200).astype(dtype).reshape(shape)


def process():
    return os.getpid()


def crash():
    ctypes.string_at(0)


def abort():
    os.abort()


def leave():
    os._exit(3)


def spin():
    while True:
        pass


def sleep():
    time.sleep(1000)


def take(size):
    return len(bytearray(size))


def fail():
    raise ValueError("Doe^Jane is not a number")


def refuse():
    raise InputError("TEST-CODE", field="matrix", found="one", expected="two", fix="mend it", file="scan.img")


def objects():
    return np.array([object()])


def speak():
    os.write(1, b"Doe^Jane")
    os.write(2, b"Doe^Jane")
    return "said"
