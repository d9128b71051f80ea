# SPDX-License-Identifier: Apache-2.0
firn_fuzz(ws_line SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_ws_line.c FOLDERS base os codec log block row compaction pack txn copy rescue tree rules watch)
