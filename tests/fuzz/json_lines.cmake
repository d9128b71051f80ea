# SPDX-License-Identifier: Apache-2.0
firn_fuzz(json_lines SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_json_lines.c FOLDERS base codec tuple schema csv json vectorfile)
