# SPDX-License-Identifier: Apache-2.0
firn_fuzz(bitcode SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_bitcode.c FOLDERS import)
