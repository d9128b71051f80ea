# SPDX-License-Identifier: Apache-2.0
firn_fuzz(hook SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_hook.c FOLDERS cli mcp)
target_link_libraries(fuzz_hook PRIVATE firn_static)
