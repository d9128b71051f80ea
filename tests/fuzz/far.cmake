# SPDX-License-Identifier: Apache-2.0
firn_fuzz(far SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_far.c FOLDERS base os codec block pack bucket tempfile tree far)
