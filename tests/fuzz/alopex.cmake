# SPDX-License-Identifier: Apache-2.0
firn_fuzz(alopex SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_alopex.c FOLDERS migrate)
