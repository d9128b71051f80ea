# SPDX-License-Identifier: Apache-2.0
if(SQLITE3_FOUND)
  firn_fuzz(sql SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_sql.c FOLDERS sql sqlparse)
  target_compile_definitions(fuzz_sql PRIVATE SQLITE_CORE=1)
  target_link_libraries(fuzz_sql PRIVATE PkgConfig::SQLITE3 m)
endif()
