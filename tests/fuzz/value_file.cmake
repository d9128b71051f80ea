# SPDX-License-Identifier: Apache-2.0
firn_fuzz(value_file SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_value_file.c FOLDERS base os codec run)
