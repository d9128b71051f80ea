/* SPDX-License-Identifier: Apache-2.0
 *
 * monitor.c: progress and notices of a long call, kept until JavaScript asks for them.
 *
 * firn calls back from threads that cannot run JavaScript, and must not wait for one that does: a busy event loop would
 * stop the operation. So the callbacks write into a monitor, and JavaScript looks into it a few times a second and when
 * the promise settles (lib/monitor.js). Nothing of Node-API is used here by other threads. At most NOTICES_MAX notices wait;
 * later ones are counted.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "monitor.h"

enum { NOTICES_MAX = 100000 };

struct notice {
    struct notice *next;
    firn_notice_kind kind;
    char *path;
    size_t path_size;
    char *text;
    bool is_known;
};

struct monitor {
    pthread_mutex_t mutex; /* guards all of it */
    bool is_cancelled;
    bool has_progress; /* since it was last asked for */
    firn_progress progress;
    char phase[32];
    struct notice *first;
    struct notice **end;
    size_t count;
    uint64_t lost;
};

static void
notice_free(struct notice *notice)
{
    free(notice->path);
    free(notice->text);
    free(notice);
}

static struct notice *
notice_copy(const firn_notice *from)
{
    struct notice *notice = calloc(1, sizeof(*notice));
    if (notice == NULL) {
        return NULL;
    }
    notice->kind = from->kind;
    notice->is_known = from->is_known;
    notice->path_size = from->path.size;
    notice->path = malloc(from->path.size + 1);
    notice->text = strdup(from->text == NULL ? "" : from->text);
    if (notice->path == NULL || notice->text == NULL) {
        notice_free(notice);
        return NULL;
    }
    if (from->path.size > 0) {
        memcpy(notice->path, from->path.data, from->path.size);
    }
    return notice;
}

static void
on_notice(void *ctx, const firn_notice *from)
{
    struct monitor *monitor = ctx;
    struct notice *notice = notice_copy(from);
    (void)pthread_mutex_lock(&monitor->mutex);
    if (notice != NULL && monitor->count < NOTICES_MAX) {
        *monitor->end = notice;
        monitor->end = &notice->next;
        monitor->count++;
        notice = NULL;
    } else {
        monitor->lost++;
    }
    (void)pthread_mutex_unlock(&monitor->mutex);
    if (notice != NULL) {
        notice_free(notice);
    }
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    struct monitor *monitor = ctx;
    bool is_cancelled;
    (void)pthread_mutex_lock(&monitor->mutex);
    monitor->progress = *progress;
    (void)strncpy(monitor->phase, progress->phase == NULL ? "" : progress->phase,
                  sizeof(monitor->phase) - 1);
    monitor->has_progress = true;
    is_cancelled = monitor->is_cancelled;
    (void)pthread_mutex_unlock(&monitor->mutex);
    return is_cancelled ? FIRN_CANCELLED : FIRN_OK;
}

firn_callbacks
monitor_callbacks(struct monitor *monitor)
{
    firn_callbacks callbacks = FIRN_CALLBACKS_INIT;
    if (monitor != NULL) {
        callbacks.on_notice = on_notice;
        callbacks.on_progress = on_progress;
        callbacks.ctx = monitor;
    }
    return callbacks;
}

void
monitor_destroy(struct monitor *monitor)
{
    while (monitor->first != NULL) {
        struct notice *next = monitor->first->next;
        notice_free(monitor->first);
        monitor->first = next;
    }
    (void)pthread_mutex_destroy(&monitor->mutex);
    free(monitor);
}

bool
arg_monitor(struct args *args, size_t i, firn_callbacks *out)
{
    struct handle *handle;
    *out = monitor_callbacks(NULL);
    if (!arg_handle_or_none(args, i, HANDLE_MONITOR, &handle)) {
        return false;
    }
    if (handle != NULL) {
        *out = monitor_callbacks(handle->object);
    }
    return true;
}

/* ---- functions for JavaScript ---- */

static napi_value
monitor_create(napi_env env, napi_callback_info info)
{
    struct args args;
    struct monitor *monitor;
    struct handle *handle = NULL;
    if (!args_read(env, info, &args)) {
        return NULL;
    }
    monitor = calloc(1, sizeof(*monitor));
    if (monitor != NULL && pthread_mutex_init(&monitor->mutex, NULL) != 0) {
        free(monitor);
        monitor = NULL;
    }
    if (monitor != NULL) {
        monitor->end = &monitor->first;
        handle = handle_create(args.instance, HANDLE_MONITOR, NULL, monitor);
        if (handle == NULL) {
            monitor_destroy(monitor);
        }
    }
    if (handle == NULL) {
        (void)throw_no_memory(args.instance);
        return NULL;
    }
    return make_number(env, handle_number(handle));
}

static napi_value
monitor_cancel(napi_env env, napi_callback_info info)
{
    struct args args;
    struct handle *handle;
    struct monitor *monitor;
    if (args_read(env, info, &args) && arg_handle(&args, 0, HANDLE_MONITOR, &handle)) {
        monitor = handle->object;
        (void)pthread_mutex_lock(&monitor->mutex);
        monitor->is_cancelled = true;
        (void)pthread_mutex_unlock(&monitor->mutex);
    }
    return NULL;
}

static napi_value
progress_to_js(napi_env env, const firn_progress *progress, const char *phase)
{
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_text(env, object, "phase", phase);
    set_number(env, object, "filesDone", (double)progress->files_done);
    set_number(env, object, "filesTotal", (double)progress->files_total);
    set_number(env, object, "bytesDone", (double)progress->bytes_done);
    set_number(env, object, "bytesTotal", (double)progress->bytes_total);
    set_bool(env, object, "isFinishing", progress->is_finishing);
    return object;
}

static napi_value
notice_to_js(napi_env env, const struct notice *notice)
{
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_text(env, object, "kind", firn_notice_kind_name(notice->kind));
    set_value(env, object, "path", make_text(env, notice->path, notice->path_size));
    set_text(env, object, "text", notice->text);
    set_bool(env, object, "isKnown", notice->is_known);
    return object;
}

/* monitorTake(monitor): { progress, notices, lost } since the last time. */
static napi_value
monitor_take(napi_env env, napi_callback_info info)
{
    struct args args;
    struct handle *handle;
    struct monitor *monitor;
    firn_progress progress;
    char phase[sizeof(((struct monitor *)NULL)->phase)];
    struct notice *notice;
    bool has_progress;
    uint64_t lost;
    uint32_t i = 0;
    napi_value object = NULL;
    napi_value array = NULL;
    if (!args_read(env, info, &args) || !arg_handle(&args, 0, HANDLE_MONITOR, &handle)) {
        return NULL;
    }
    monitor = handle->object;
    (void)pthread_mutex_lock(&monitor->mutex);
    progress = monitor->progress;
    memcpy(phase, monitor->phase, sizeof(phase));
    has_progress = monitor->has_progress;
    notice = monitor->first;
    lost = monitor->lost;
    monitor->has_progress = false;
    monitor->first = NULL;
    monitor->end = &monitor->first;
    monitor->count = 0;
    monitor->lost = 0;
    (void)pthread_mutex_unlock(&monitor->mutex);
    assert(phase[sizeof(phase) - 1] == '\0');
    (void)napi_create_object(env, &object);
    (void)napi_create_array(env, &array);
    while (notice != NULL) {
        struct notice *next = notice->next;
        if (array != NULL) {
            (void)napi_set_element(env, array, i++, notice_to_js(env, notice));
        }
        notice_free(notice);
        notice = next;
    }
    set_value(env, object, "notices", array);
    set_number(env, object, "lost", (double)lost);
    if (has_progress) {
        set_value(env, object, "progress", progress_to_js(env, &progress, phase));
    }
    return object;
}

bool
monitor_define(struct instance *instance, napi_value exports)
{
    return function_define(instance, exports, "monitorCreate", monitor_create) &&
           function_define(instance, exports, "monitorCancel", monitor_cancel) &&
           function_define(instance, exports, "monitorTake", monitor_take);
}
