# SPDX-License-Identifier: Apache-2.0
firn_fuzz(column SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_column.c FOLDERS base os codec tuple block chunk column)
