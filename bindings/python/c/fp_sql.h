/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_sql.h: a store that connections of sqlite3 share (fp_sql.c).
 */
#ifndef FP_SQL_H
#define FP_SQL_H

#include "fp.h"

/* _sql_entry() -> int, the address of a function for sqlite3_auto_extension, which gives firn's extension to the connections that a thread
 * opens between _sql_await(True) and _sql_await(False). Unsupported if there is no SQL in this file. */
PyObject *fp_sql_entry(PyObject *self, PyObject *ignored);
PyObject *fp_sql_await(PyObject *self, PyObject *flag);
/* Method of Store: _lend() -> str, the path to attach. Unsupported if there is no SQL in this file. */
PyObject *fp_sql_lend(PyObject *self, PyObject *ignored);
/* Before the store is closed. False with Misuse while a connection has it. */
bool fp_sql_take_back(fp_store *store);
/* When the store is collected: releases its core, or leaves that to the last connection that has it attached. */
void fp_sql_leave(struct fp_core *core);

#endif
