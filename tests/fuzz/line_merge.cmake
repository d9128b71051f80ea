# SPDX-License-Identifier: Apache-2.0
firn_fuzz(line_merge SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_line_merge.c FOLDERS base codec lines)
