# SPDX-License-Identifier: Apache-2.0
firn_fuzz(block SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_block.c FOLDERS base os codec block)
