# SPDX-License-Identifier: Apache-2.0
firn_fuzz(tuple SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_tuple.c FOLDERS base codec tuple)
