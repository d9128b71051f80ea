# SPDX-License-Identifier: Apache-2.0
firn_fuzz(arrow SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_arrow.c FOLDERS base os codec log block row compaction txn copy rescue rows csv json vectorfile transfer arrow)
