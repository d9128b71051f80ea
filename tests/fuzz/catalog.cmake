# SPDX-License-Identifier: Apache-2.0
firn_fuzz(catalog SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_catalog.c FOLDERS base os codec log block row compaction pack txn copy rescue tree rules watch)
