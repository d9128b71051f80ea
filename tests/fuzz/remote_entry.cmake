# SPDX-License-Identifier: Apache-2.0
firn_fuzz(remote_entry SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_remote_entry.c FOLDERS base os codec log block row compaction pack txn copy rescue tree rules repair watch share)
