# SPDX-License-Identifier: Apache-2.0
firn_fuzz(archive SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_archive.c FOLDERS base os codec log block row compaction txn copy rescue)
