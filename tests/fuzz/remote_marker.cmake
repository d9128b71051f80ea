# SPDX-License-Identifier: Apache-2.0
firn_fuzz(remote_marker SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_remote_marker.c FOLDERS base os codec bucket remote)
