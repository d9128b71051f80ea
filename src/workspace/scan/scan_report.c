/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_report.c: notices and progress of a scan, and how it ends early.
 *
 * There are two sorts of failures. One that concerns an entry (it cannot be read, it went away, it
 * keeps changing) is reported by a notice and counted, and the scan continues without the entry;
 * with `strict` it ends the scan. One that concerns the scan itself ends it: memory or descriptors
 * ran out, the sink failed, or the caller cancelled. A sink's failure is recorded where it happens
 * (I1; not checked: the two functions that call the sink do so). The code that handles the failure
 * of an entry then finds the scan stopped and passes the failure on; any other failure while an
 * entry is read concerns that entry.
 *
 * The first failure that ends the scan is the one that is returned; later ones are consequences.
 *
 * Callbacks come one at a time, from any worker, under a mutex of their own. Progress is reported
 * at most five times a second; how often the clock is read depends on the amount of work done.
 */
#include <errno.h>
#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "scan/scan_internal.h"
#include "threads/os_callback.h"
#include "tree/tree.h"

enum {
    PROGRESS_INTERVAL_NS = 200000000,
    WORK_PER_FILE = 64 << 10, /* opening a file costs about as much as hashing this many bytes */
    WORK_BETWEEN_LOOKS = 2 << 20
};

int
fi_scan_report_failure(struct fi_scan *scan, int code, const firn_error *err)
{
    DCHECK(code != FIRN_OK);
    fi_os_mutex_lock(&scan->mutex);
    if (scan->failure == FIRN_OK) {
        scan->failure = code;
        scan->failure_error = *err;
        atomic_store_explicit(&scan->is_stopped, true, memory_order_relaxed);
        fi_os_cond_broadcast(&scan->work);
    }
    fi_os_mutex_unlock(&scan->mutex);
    return code;
}

static int
scan_report(struct fi_scan_worker *worker, firn_notice_kind kind, const struct fi_scan_node *node,
            const char *name, const char *text, firn_error *err)
{
    struct fi_scan *scan = worker->scan;
    const firn_callbacks *callbacks = &scan->options->callbacks;
    if (callbacks->on_notice == NULL) {
        return FIRN_OK;
    }
    if (fi_scan_node_path(node, name, &worker->path) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    firn_notice notice = {.kind = kind, .path = fi_buf_slice(&worker->path), .text = text};
    notice.is_reserved =
        kind == FIRN_NOTICE_EXCLUDED && fi_tree_reserved_name(firn_str(name)) != NULL;
    fi_os_mutex_lock(&scan->report_mutex);
    fi_os_callback_notice(callbacks, &notice);
    fi_os_mutex_unlock(&scan->report_mutex);
    return FIRN_OK;
}

/* Whether a failure says nothing about the entry that was being read. */
static bool
concerns_scan(const struct fi_scan *scan, int code, const firn_error *err)
{
    return code == FIRN_NO_MEMORY || code == FIRN_CANCELLED || err->os_errno == EMFILE ||
           err->os_errno == ENFILE || fi_scan_is_stopped(scan);
}

static firn_notice_kind
notice_of(int code)
{
    switch (code) {
    case FIRN_NOT_FOUND:
        return FIRN_NOTICE_VANISHED;
    case FIRN_CONFLICT: /* changed at every attempt */
    case FIRN_INVALID:  /* became something else between listing and opening */
        return FIRN_NOTICE_CHANGING;
    default:
        return FIRN_NOTICE_UNREADABLE;
    }
}

bool
fi_scan_report_is_fatal(const struct fi_scan_worker *worker, int code, const firn_error *err)
{
    return worker->scan->options->strict || concerns_scan(worker->scan, code, err);
}

static int
note_left_out(struct fi_scan_worker *worker, const struct fi_scan_node *node, const char *name,
              bool *out_is_noted, firn_error *err)
{
    return fi_scan_node_path(node, name, &worker->path) == FIRN_OK
               ? fi_rules_left_out_note(worker->scan->ignore, fi_buf_slice(&worker->path),
                                        out_is_noted, err)
               : fi_error_no_memory(err, "a path");
}

int
fi_scan_report_left_out(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                        const char *name, int code, firn_error *err)
{
    if (fi_scan_report_is_fatal(worker, code, err)) {
        return code;
    }
    DCHECK(code != FIRN_OK);
    worker->skipped++;
    firn_notice_kind kind = notice_of(code);
    int rc = FIRN_OK;
    if (kind != FIRN_NOTICE_VANISHED) {
        bool is_noted;
        rc = note_left_out(worker, node, name, &is_noted, err);
    }
    return rc == FIRN_OK ? scan_report(worker, kind, node, name, err->text, err) : rc;
}

int
fi_scan_report_incomplete(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                          const char *name, firn_error *err)
{
    if (fi_scan_report_is_fatal(worker, err->code, err)) {
        return err->code;
    }
    worker->skipped++;
    return scan_report(worker, FIRN_NOTICE_METADATA, node, name, err->text, err);
}

int
fi_scan_report_carried(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                       const char *name, const firn_error *why, firn_error *err)
{
    char text[sizeof why->text];
    (void)snprintf(text, sizeof text, "%.900s; it stays as the last checkpoint has it", why->text);
    worker->skipped++;
    return scan_report(worker, FIRN_NOTICE_CARRIED, node, name, text, err);
}

int
fi_scan_report_growing(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                       const char *name, uint64_t size, firn_error *err)
{
    char text[96];
    (void)snprintf(text, sizeof text, "was being appended to: its first %llu bytes are saved",
                   (unsigned long long)size);
    return scan_report(worker, FIRN_NOTICE_GROWING, node, name, text, err);
}

/* Times outside the range of 64 bits are given as its ends (os_posix_name.c). */
int
fi_scan_report_date(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                    const char *name, int64_t mtime_ns, firn_error *err)
{
    if (mtime_ns != INT64_MAX && mtime_ns != INT64_MIN) {
        return FIRN_OK;
    }
    return scan_report(worker, FIRN_NOTICE_DATE, node, name,
                       mtime_ns == INT64_MAX ? "its date is after 2262-04-11: saved as that day"
                                             : "its date is before 1677-09-21: saved as that day",
                       err);
}

int
fi_scan_report_excluded(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                        const char *name, const char *reason, firn_error *err)
{
    DCHECK(reason[0] != '\0');
    const struct fi_scan_options *options = worker->scan->options;
    if (options->is_copy && options->strict && fi_tree_reserved_name(firn_str(name)) != NULL) {
        return fi_error_set(err, FIRN_UNSUPPORTED, "cannot save '%.400s': %s", name, reason);
    }
    worker->excluded++;
    return scan_report(worker, FIRN_NOTICE_EXCLUDED, node, name, reason, err);
}

int
fi_scan_report_too_large(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                         const char *name, uint64_t size, firn_error *err)
{
    struct fi_scan *scan = worker->scan;
    char text[96];
    bool is_noted;
    DCHECK(scan->options->file_size_max > 0 && size > scan->options->file_size_max);
    int rc = note_left_out(worker, node, name, &is_noted, err);
    if (rc == FIRN_OK && !is_noted) {
        rc = fi_error_set(err, FIRN_LIMIT,
                          "too many files are larger than %llu bytes: leave out their directories "
                          "by a rule",
                          (unsigned long long)scan->options->file_size_max);
        return fi_scan_report_failure(scan, rc, err);
    }
    (void)snprintf(text, sizeof text, "%llu bytes, more than are to be saved",
                   (unsigned long long)size);
    worker->excluded += rc == FIRN_OK ? 1 : 0;
    return rc == FIRN_OK ? scan_report(worker, FIRN_NOTICE_EXCLUDED, node, name, text, err) : rc;
}

int
fi_scan_report_bad_rule(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                        const char *name, const char *text, firn_error *err)
{
    return scan_report(worker, FIRN_NOTICE_BAD_RULE, node, name, text, err);
}

int
fi_scan_report_store(struct fi_scan_worker *worker, const struct fi_scan_node *node, int code,
                     firn_error *err)
{
    char text[sizeof err->text];
    if (concerns_scan(worker->scan, code, err)) {
        return code;
    }
    (void)snprintf(text, sizeof text, "a firn store, saved file by file: %.900s", err->text);
    return scan_report(worker, FIRN_NOTICE_STORE, node, "", text, err);
}

int
fi_scan_report_store_lacks(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                           const char *missing, firn_error *err)
{
    char text[160];
    DCHECK(node->is_in_store);
    (void)snprintf(text, sizeof text, "a firn store, saved as it is, but damaged: %s is missing",
                   missing);
    return scan_report(worker, FIRN_NOTICE_STORE, node, "", text, err);
}

int
fi_scan_report_sqlite(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                      const char *name, int code, firn_error *err)
{
    struct fi_scan *scan = worker->scan;
    char text[sizeof err->text];
    if (concerns_scan(scan, code, err)) {
        return code;
    }
    fi_os_mutex_lock(&scan->mutex);
    bool is_told = code == FIRN_UNSUPPORTED && scan->has_told_sqlite;
    scan->has_told_sqlite = scan->has_told_sqlite || code == FIRN_UNSUPPORTED;
    fi_os_mutex_unlock(&scan->mutex);
    (void)snprintf(text, sizeof text, "an SQLite database in use, saved file by file: %.900s",
                   err->text);
    return is_told ? FIRN_OK : scan_report(worker, FIRN_NOTICE_SQLITE, node, name, text, err);
}

static const char *
kind_text(enum fi_os_kind kind)
{
    switch (kind) {
    case FI_OS_FIFO:
        return "fifo";
    case FI_OS_SOCKET:
        return "socket";
    case FI_OS_CHAR_DEVICE:
    case FI_OS_BLOCK_DEVICE:
        return "device";
    default:
        return "neither a file nor a directory nor a link";
    }
}

int
fi_scan_report_special(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                       const char *name, enum fi_os_kind kind, firn_error *err)
{
    if (worker->scan->options->strict) {
        return fi_scan_node_path(node, name, &worker->path) == FIRN_OK
                   ? fi_error_set(err, FIRN_UNSUPPORTED, "cannot save '%.900s': %s",
                                  (const char *)worker->path.data, kind_text(kind))
                   : fi_error_no_memory(err, "a path");
    }
    worker->skipped++;
    return scan_report(worker, FIRN_NOTICE_SPECIAL, node, name, kind_text(kind), err);
}

int
fi_scan_report_progress(struct fi_scan *scan, firn_error *err)
{
    const firn_callbacks *callbacks = &scan->options->callbacks;
    if (callbacks->on_progress == NULL) {
        return FIRN_OK;
    }
    firn_progress progress = {
        .phase = "scan",
        .files_done = atomic_load_explicit(&scan->files_done, memory_order_relaxed),
        .bytes_done = atomic_load_explicit(&scan->bytes_done, memory_order_relaxed),
    };
    fi_os_mutex_lock(&scan->report_mutex);
    int answer = fi_os_callback_progress(callbacks, &progress);
    fi_os_mutex_unlock(&scan->report_mutex);
    return answer == FIRN_OK ? FIRN_OK : fi_error_set(err, FIRN_CANCELLED, "cancelled");
}

int
fi_scan_report_work(struct fi_scan_worker *worker, uint64_t files, uint64_t bytes, firn_error *err)
{
    struct fi_scan *scan = worker->scan;
    if (scan->options->callbacks.on_progress == NULL) {
        return FIRN_OK;
    }
    /* Relaxed: figures for display, paired with nothing. */
    atomic_fetch_add_explicit(&scan->files_done, files, memory_order_relaxed);
    atomic_fetch_add_explicit(&scan->bytes_done, bytes, memory_order_relaxed);
    worker->work_since_report += files * WORK_PER_FILE + bytes;
    if (worker->work_since_report < WORK_BETWEEN_LOOKS) {
        return FIRN_OK;
    }
    worker->work_since_report = 0;
    int64_t now = fi_os_monotonic_ns(scan->os);
    int64_t last = atomic_load_explicit(&scan->reported_ns, memory_order_relaxed);
    if (now - last < PROGRESS_INTERVAL_NS ||
        !atomic_compare_exchange_strong_explicit(&scan->reported_ns, &last, now,
                                                 memory_order_relaxed, memory_order_relaxed)) {
        return FIRN_OK;
    }
    return fi_scan_report_progress(scan, err);
}
