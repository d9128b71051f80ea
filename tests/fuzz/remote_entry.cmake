# SPDX-License-Identifier: Apache-2.0
firn_fuzz(remote_entry SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_remote_entry.c FOLDERS ${ws_folders} share)
