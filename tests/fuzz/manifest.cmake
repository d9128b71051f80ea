# SPDX-License-Identifier: Apache-2.0
firn_fuzz(manifest SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_manifest.c FOLDERS base os codec log block compaction)
