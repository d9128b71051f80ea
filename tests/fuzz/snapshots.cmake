# SPDX-License-Identifier: Apache-2.0
firn_fuzz(snapshots SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_snapshots.c FOLDERS import)
