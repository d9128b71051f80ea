# SPDX-License-Identifier: Apache-2.0
firn_fuzz(log SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_log.c FOLDERS base os codec cipher log)
