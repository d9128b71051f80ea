# SPDX-License-Identifier: Apache-2.0
firn_fuzz(import SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_import.c FOLDERS base os codec log block row compaction txn copy rescue rows csv json vectorfile transfer)
