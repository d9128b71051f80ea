# SPDX-License-Identifier: Apache-2.0
"""What all tests of the package share. A test that lacks a judge says SKIPPED, as scripts/test counts it."""

import pytest

import firn


@pytest.fixture
def store(tmp_path):
    with firn.open(tmp_path / "store", durability="os") as opened:
        yield opened


@pytest.fixture
def words(store):
    """A keyspace with 2,000 entries, of which the first half is in a file."""
    keyspace = store.keyspace("words")
    keyspace.update({f"k{i:05d}": f"v{i}" for i in range(1000)})
    store.flush()
    keyspace.update({f"k{i:05d}": f"v{i}" for i in range(1000, 2000)})
    return keyspace


def pytest_terminal_summary(terminalreporter):
    for report in terminalreporter.stats.get("skipped", []):
        print(f"SKIPPED: {report.nodeid}: {report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr}")
    print(f"count: {len(terminalreporter.stats.get('passed', []))} tests of the Python package")
