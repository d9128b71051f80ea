# SPDX-License-Identifier: Apache-2.0
firn_fuzz(schema SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_schema.c FOLDERS base codec tuple schema)
