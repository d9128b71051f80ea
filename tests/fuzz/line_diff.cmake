# SPDX-License-Identifier: Apache-2.0
firn_fuzz(line_diff SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_line_diff.c FOLDERS base codec lines)
