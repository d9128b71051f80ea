# SPDX-License-Identifier: Apache-2.0
firn_fuzz(sealed SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_sealed.c FOLDERS base os codec cipher block pack log)
