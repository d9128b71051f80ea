# SPDX-License-Identifier: Apache-2.0
firn_fuzz(fields SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_fields.c FOLDERS base os codec log block row compaction pack txn copy rescue tree rules watch csv json vectorfile)
