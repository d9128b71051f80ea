# SPDX-License-Identifier: Apache-2.0
firn_fuzz(chkp SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_chkp.c FOLDERS base os codec chkp)
