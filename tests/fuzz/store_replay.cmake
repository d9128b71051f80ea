# SPDX-License-Identifier: Apache-2.0
firn_fuzz(store_replay SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_store_replay.c FOLDERS base os codec log block row compaction txn copy rescue)
