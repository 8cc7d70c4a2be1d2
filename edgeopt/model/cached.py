"""``cached_property`` without a lock: computed when first asked for, and kept with its object.

Python 3.11's own holds one lock for all objects of a class while it computes: threads wait for each other, and a
process that is forked in that moment waits for ever. From 3.12 on Python's own has none and is used. Two threads that
ask at the same time may both compute; the values are equal, and the objects that have such properties never change.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING or sys.version_info >= (3, 12):
    from functools import cached_property
else:

    class cached_property:  # noqa: N801 (the name that it stands for)
        """A method whose value is computed once for each object."""

        def __init__(self, function):
            self.function = function
            self.__doc__ = function.__doc__

        def __set_name__(self, owner, name):
            self.name = name

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            # Kept under the property's own name, where Python looks before it asks this class again.
            return instance.__dict__.setdefault(self.name, self.function(instance))


__all__ = ["cached_property"]
