# SPDX-License-Identifier: Apache-2.0
firn_fuzz(alxsv1 SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_alxsv1.c FOLDERS base os codec alxs)
