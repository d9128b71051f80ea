# SPDX-License-Identifier: Apache-2.0
firn_fuzz(s3_xml SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_s3_xml.c FOLDERS base os codec tuple type text json bucket s3)
