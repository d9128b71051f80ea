# SPDX-License-Identifier: Apache-2.0
firn_fuzz(remote_seal SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_remote_seal.c FOLDERS base os codec cipher bucket remote)
