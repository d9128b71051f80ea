# SPDX-License-Identifier: Apache-2.0
firn_fuzz(completion SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_completion.c FOLDERS command)
