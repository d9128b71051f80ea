# SPDX-License-Identifier: Apache-2.0
firn_fuzz(keys SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_keys.c FOLDERS base os codec cipher keys)
