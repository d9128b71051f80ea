# SPDX-License-Identifier: Apache-2.0
if(SQLITE3_FOUND)
  firn_fuzz(dump SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_dump.c FOLDERS data)
endif()
