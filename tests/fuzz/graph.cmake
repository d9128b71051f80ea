# SPDX-License-Identifier: Apache-2.0
firn_fuzz(graph SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_graph.c FOLDERS base os codec block graph)
