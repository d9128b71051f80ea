# SPDX-License-Identifier: Apache-2.0
firn_fuzz(row SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_row.c FOLDERS base os codec block row)
