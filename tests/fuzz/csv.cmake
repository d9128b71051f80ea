# SPDX-License-Identifier: Apache-2.0
firn_fuzz(csv SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_csv.c FOLDERS base codec tuple schema csv json vectorfile)
