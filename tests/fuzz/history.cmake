# SPDX-License-Identifier: Apache-2.0
firn_fuzz(history SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_history.c FOLDERS base os codec log block row compaction txn copy rescue)
