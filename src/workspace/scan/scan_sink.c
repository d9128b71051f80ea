/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_sink.c: where the objects go: a worker opens its lane of the sink with the first object
 * that it adds.
 */
#include "base/error.h"
#include "scan/scan_internal.h"

int
firn_scan_sink_add(struct firn_scan_worker *worker, const struct firn_objects_object *object,
                   bool *out_is_new, firn_error *err)
{
    const struct firn_objects_sink *sink = worker->scan->sink;
    int rc;
    if (!worker->lane_is_open) {
        FIRN_TRY(sink->lane_open(sink->ctx, &worker->lane, err));
        worker->lane_is_open = true;
    }
    FIRN_TRY(sink->add(worker->lane, object, out_is_new, err));
    return FIRN_OK;
out:
    return firn_scan_report_failure(worker->scan, rc, err);
}

int
firn_scan_sink_contains(struct firn_scan_worker *worker, const firn_hash *hash, bool *out,
                        firn_error *err)
{
    const struct firn_objects_sink *sink = worker->scan->sink;
    int rc = sink->contains(sink->ctx, hash, out, err);
    return rc == FIRN_OK ? FIRN_OK : firn_scan_report_failure(worker->scan, rc, err);
}

void
firn_scan_sink_close_lane(struct firn_scan_worker *worker)
{
    struct firn_scan *scan = worker->scan;
    if (!worker->lane_is_open) {
        return;
    }
    firn_error err;
    bool keep = !firn_scan_is_stopped(scan);
    int rc = scan->sink->lane_close(scan->sink->ctx, worker->lane, keep, &err);
    worker->lane_is_open = false;
    if (rc != FIRN_OK) {
        (void)firn_scan_report_failure(scan, rc, &err);
    }
}
