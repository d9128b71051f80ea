# SPDX-License-Identifier: Apache-2.0
firn_fuzz(expr SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_expr.c FOLDERS base codec tuple schema chunk csv json vectorfile expr)
