# SPDX-License-Identifier: Apache-2.0
firn_fuzz(tar SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_tar.c FOLDERS import)
