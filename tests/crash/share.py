# SPDX-License-Identifier: Apache-2.0
"""tests/crash/share.py: the share of the points of a run, as tests/support/test_share.h has it for the programs in C.

FIRN_TEST_SHARE=I/N takes the I-th of each N points. Without the variable, and in a long run, every point is taken.
"""
import os


def _share():
    text = os.environ.get("FIRN_TEST_SHARE", "") if os.environ.get("FIRN_TEST_LONG") != "1" else ""
    index, count = (int(part) for part in (text or "1/1").split("/"))
    assert 1 <= index <= count
    return index, count


INDEX, COUNT = _share()


def takes(*numbers):
    """Whether this run takes a point that has these numbers: that of its loop, its call and its place, say."""
    return sum(numbers) % COUNT == INDEX - 1
