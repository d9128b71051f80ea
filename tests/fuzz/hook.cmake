# SPDX-License-Identifier: Apache-2.0
firn_fuzz(hook SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_hook.c FOLDERS hook)
