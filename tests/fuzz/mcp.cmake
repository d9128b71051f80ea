# SPDX-License-Identifier: Apache-2.0
firn_fuzz(mcp SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_mcp.c FOLDERS mcp)
