/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_stream.c: Arrow streams in capsules, both ways.
 *
 * A stream that leaves here may be read by any thread, without the GIL, long after the Python objects that made it are gone.
 * So it is wrapped: the wrapper owns a reference to the store's core, which keeps the store open, and is in the core's list,
 * by which Store.close finds and closes it. A wrapped stream that was closed gives EINVAL and says that the store is closed.
 * Arrays that were read before stay valid: firn's own keep what they need.
 *
 *   (I1) a wrapper is in its core's list from its making to its release, and then its inner stream may be open;
 *   (I2) the inner stream is used by the thread that holds the wrapper's mutex;
 *   (I3) locks: the core's mutex, then a wrapper's, and that one is only tried, so that no thread waits for a reader.
 *
 * Streams that come in are moved out of their capsule, as the interface wants, and released by firn.
 */
#include "fp_stream.h"

#include <errno.h>

struct fp_stream {
    struct fp_stream *next; /* in core->streams, guarded by core->mutex */
    struct fp_stream **place;
    struct fp_core *core;          /* a reference */
    pthread_mutex_t mutex;         /* guards inner */
    struct ArrowArrayStream inner; /* release NULL: closed */
    char error[64];
};

/* ---- going out ---- */

static int
closed(struct fp_stream *stream)
{
    memcpy(stream->error, "the store is closed", sizeof "the store is closed");
    return EINVAL;
}

static int
get_schema(struct ArrowArrayStream *outer, struct ArrowSchema *out)
{
    struct fp_stream *stream = outer->private_data;
    pthread_mutex_lock(&stream->mutex);
    int rc = stream->inner.release != NULL ? stream->inner.get_schema(&stream->inner, out)
                                           : closed(stream);
    pthread_mutex_unlock(&stream->mutex);
    return rc;
}

static int
get_next(struct ArrowArrayStream *outer, struct ArrowArray *out)
{
    struct fp_stream *stream = outer->private_data;
    pthread_mutex_lock(&stream->mutex);
    int rc = stream->inner.release != NULL ? stream->inner.get_next(&stream->inner, out)
                                           : closed(stream);
    pthread_mutex_unlock(&stream->mutex);
    return rc;
}

static const char *
get_last_error(struct ArrowArrayStream *outer)
{
    struct fp_stream *stream = outer->private_data;
    pthread_mutex_lock(&stream->mutex);
    const char *text = stream->inner.release != NULL ? stream->inner.get_last_error(&stream->inner)
                       : stream->error[0] != '\0'    ? stream->error
                                                     : NULL;
    pthread_mutex_unlock(&stream->mutex);
    return text;
}

static void
release_outer(struct ArrowArrayStream *outer)
{
    struct fp_stream *stream = outer->private_data;
    struct fp_core *core = stream->core;
    outer->release = NULL;
    pthread_mutex_lock(&core->mutex);
    assert(*stream->place == stream); /* (I1) */
    *stream->place = stream->next;
    if (stream->next != NULL) {
        stream->next->place = stream->place;
    }
    pthread_mutex_unlock(&core->mutex);
    if (stream->inner.release != NULL) {
        stream->inner.release(&stream->inner);
    }
    pthread_mutex_destroy(&stream->mutex);
    free(stream);
    fp_core_unref(core);
}

bool
fp_stream_close_all(struct fp_core *core)
{
    bool is_idle = true;
    pthread_mutex_lock(&core->mutex);
    for (struct fp_stream *stream = core->streams; stream != NULL; stream = stream->next) {
        if (pthread_mutex_trylock(&stream->mutex) != 0) { /* (I3) */
            is_idle = false;
            continue;
        }
        if (stream->inner.release != NULL) {
            stream->inner.release(&stream->inner);
        }
        pthread_mutex_unlock(&stream->mutex);
    }
    pthread_mutex_unlock(&core->mutex);
    return is_idle;
}

static void
destroy_capsule(PyObject *capsule)
{
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, "arrow_array_stream");
    if (stream->release != NULL) { /* nobody moved it out */
        stream->release(stream);
    }
    free(stream);
}

PyObject *
fp_stream_capsule(struct fp_core *core, firn_scan *scan)
{
    struct fp_stream *stream = calloc(1, sizeof *stream);
    struct ArrowArrayStream *outer = calloc(1, sizeof *outer);
    if (stream == NULL || outer == NULL) {
        firn_scan_close(scan);
        free(stream);
        free(outer);
        return PyErr_NoMemory();
    }
    firn_error err;
    int code = firn_scan_to_arrow(scan, &stream->inner, &err);
    if (code != FIRN_OK) {
        free(stream);
        free(outer);
        return fp_raise(code, &err);
    }
    stream->core = fp_core_ref(core);
    pthread_mutex_init(&stream->mutex, NULL);
    pthread_mutex_lock(&core->mutex);
    stream->next = core->streams;
    stream->place = &core->streams;
    if (stream->next != NULL) {
        stream->next->place = &stream->next;
    }
    core->streams = stream;
    pthread_mutex_unlock(&core->mutex);
    *outer = (struct ArrowArrayStream){get_schema, get_next, get_last_error, release_outer, stream};
    PyObject *capsule = PyCapsule_New(outer, "arrow_array_stream", destroy_capsule);
    if (capsule == NULL) {
        outer->release(outer);
        free(outer);
    }
    return capsule;
}

static void
destroy_schema_capsule(PyObject *capsule)
{
    struct ArrowSchema *schema = PyCapsule_GetPointer(capsule, "arrow_schema");
    if (schema->release != NULL) {
        schema->release(schema);
    }
    free(schema);
}

PyObject *
fp_stream_schema_capsule(firn_scan *scan)
{
    struct ArrowArrayStream stream;
    firn_error err;
    int code = firn_scan_to_arrow(scan, &stream, &err);
    if (code != FIRN_OK) {
        return fp_raise(code, &err);
    }
    struct ArrowSchema *schema = calloc(1, sizeof *schema);
    PyObject *capsule = NULL;
    if (schema == NULL) {
        PyErr_NoMemory();
    } else if (stream.get_schema(&stream, schema) != 0) {
        const char *text = stream.get_last_error(&stream);
        fp_raise_text(FIRN_IO, "%s", text != NULL ? text : "no schema could be made");
    } else {
        capsule = PyCapsule_New(schema, "arrow_schema", destroy_schema_capsule);
        if (capsule == NULL) {
            schema->release(schema);
        }
    }
    if (capsule == NULL) {
        free(schema);
    }
    stream.release(&stream);
    return capsule;
}

/* ---- coming in ---- */

bool
fp_stream_take(PyObject *source, struct ArrowArrayStream *out)
{
    PyObject *capsule = source;
    Py_INCREF(capsule);
    if (!PyCapsule_IsValid(capsule, "arrow_array_stream")) {
        Py_DECREF(capsule);
        if (!PyObject_HasAttrString(source, "__arrow_c_stream__")) {
            PyErr_Format(PyExc_TypeError, "an object with __arrow_c_stream__ is wanted, not %R",
                         (PyObject *)Py_TYPE(source));
            return false;
        }
        capsule = PyObject_CallMethod(source, "__arrow_c_stream__", NULL);
        if (capsule == NULL) {
            return false;
        }
    }
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, "arrow_array_stream");
    bool is_taken = stream != NULL && stream->release != NULL;
    if (is_taken) {
        *out = *stream;
        stream->release = NULL; /* moved */
    } else if (stream != NULL) {
        fp_raise_text(FIRN_INVALID, "the Arrow stream was used already");
    }
    Py_DECREF(capsule);
    return is_taken;
}
