# SPDX-License-Identifier: Apache-2.0
if(SQLITE3_FOUND)
  firn_fuzz(sqlshell SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_sqlshell.c ${PROJECT_SOURCE_DIR}/src/programs/sqlshell/sqlshell_words.c FOLDERS sql)
  target_link_libraries(fuzz_sqlshell PRIVATE PkgConfig::SQLITE3 m)
endif()
