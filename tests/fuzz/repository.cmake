# SPDX-License-Identifier: Apache-2.0
firn_fuzz(repository SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_repository.c FOLDERS base os codec log block row compaction pack txn copy rescue tree repository catalog)
