# SPDX-License-Identifier: Apache-2.0
firn_fuzz(vectors SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_vectors.c FOLDERS base codec tuple schema csv json vectorfile)
