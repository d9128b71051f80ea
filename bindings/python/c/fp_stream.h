/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_stream.h: Arrow streams that others read while the store may be closed (fp_stream.c).
 */
#ifndef FP_STREAM_H
#define FP_STREAM_H

#include "fp.h"

#include <firn/arrow.h>

/* Closes the streams of a store. False, with some of them closed, if another thread is reading one. */
bool fp_stream_close_all(struct fp_core *core);

/* A capsule "arrow_array_stream" around a scan, which it takes, even if it fails. */
PyObject *fp_stream_capsule(struct fp_core *core, firn_scan *scan);
/* A capsule "arrow_schema" of the same. Takes the scan. */
PyObject *fp_stream_schema_capsule(firn_scan *scan);
/* Moves the stream out of an object with __arrow_c_stream__, or out of such a capsule. False with an exception. */
bool fp_stream_take(PyObject *source, struct ArrowArrayStream *out);

#endif
