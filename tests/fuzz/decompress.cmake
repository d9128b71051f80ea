# SPDX-License-Identifier: Apache-2.0
firn_fuzz(decompress SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_decompress.c FOLDERS base codec)
