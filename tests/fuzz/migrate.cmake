# SPDX-License-Identifier: Apache-2.0
firn_fuzz(migrate SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_migrate.c FOLDERS migrate)
