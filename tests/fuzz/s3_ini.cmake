# SPDX-License-Identifier: Apache-2.0
firn_fuzz(s3_ini SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_s3_ini.c FOLDERS base os codec tuple type text json bucket s3)
