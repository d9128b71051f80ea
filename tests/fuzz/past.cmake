# SPDX-License-Identifier: Apache-2.0
firn_fuzz(past SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_past.c FOLDERS past)
