# SPDX-License-Identifier: Apache-2.0
firn_fuzz(delta SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_delta.c FOLDERS base os codec block pack)
