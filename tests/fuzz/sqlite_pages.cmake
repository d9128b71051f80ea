# SPDX-License-Identifier: Apache-2.0
if(SQLITE3_FOUND)
  firn_fuzz(sqlite_pages SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_sqlite_pages.c FOLDERS sqlitefile)
endif()
