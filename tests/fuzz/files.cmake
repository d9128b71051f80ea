# SPDX-License-Identifier: Apache-2.0
firn_fuzz(files SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_files.c FOLDERS base os codec)
