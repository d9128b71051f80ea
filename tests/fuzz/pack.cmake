# SPDX-License-Identifier: Apache-2.0
firn_fuzz(pack SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_pack.c FOLDERS base os codec block pack)
