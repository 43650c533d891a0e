"""Pixels → network input: the only code that makes what the networks see.

Training, command line and reader all come through here, so that they cannot differ. ``docs/preparation.md`` specifies every
step in integers or in exactly rounded arithmetic; golden vectors in ``tests/preparation`` prove that a port is equal.

==============  ====================================================================================================
``digit.py``    a picture of one digit → 28×28, in MNIST's own form; several crops of it where a frame may be in the way
``strip.py``    a picture of a line → 40 rows for the line recogniser
``ink.py``      a picture of anything → its ink
==============  ====================================================================================================
"""

from inkdigits.preparation.digit import SIDE, crops, is_prepared, prepare, prepare_batch

#: Counts the changes of what these functions make, so that arrays of an earlier version are made again. Each version has
#: golden vectors of its own.
VERSION = 3

__all__ = ["SIDE", "VERSION", "crops", "is_prepared", "prepare", "prepare_batch"]
