# SPDX-License-Identifier: Apache-2.0
firn_fuzz(chunk SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_chunk.c FOLDERS base codec chunk)
