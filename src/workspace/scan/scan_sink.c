/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_sink.c: where the objects go: a worker opens its lane of the sink with the first object
 * that it adds.
 */
#include "base/error.h"
#include "scan/scan_internal.h"

int
fi_scan_sink_add(struct fi_scan_worker *worker, const struct fi_objects_object *object,
                 bool *out_is_new, firn_error *err)
{
    const struct fi_objects_sink *sink = worker->scan->sink;
    int rc;
    if (!worker->lane_is_open) {
        FI_TRY(sink->lane_open(sink->ctx, &worker->lane, err));
        worker->lane_is_open = true;
    }
    FI_TRY(sink->add(worker->lane, object, out_is_new, err));
    return FIRN_OK;
out:
    return fi_scan_report_failure(worker->scan, rc, err);
}

int
fi_scan_sink_contains(struct fi_scan_worker *worker, const firn_hash *hash, bool *out,
                      firn_error *err)
{
    const struct fi_objects_sink *sink = worker->scan->sink;
    int rc = sink->contains(sink->ctx, hash, out, err);
    return rc == FIRN_OK ? FIRN_OK : fi_scan_report_failure(worker->scan, rc, err);
}

void
fi_scan_sink_close_lane(struct fi_scan_worker *worker)
{
    struct fi_scan *scan = worker->scan;
    if (!worker->lane_is_open) {
        return;
    }
    firn_error err;
    bool keep = !fi_scan_is_stopped(scan);
    int rc = scan->sink->lane_close(scan->sink->ctx, worker->lane, keep, &err);
    worker->lane_is_open = false;
    if (rc != FIRN_OK) {
        (void)fi_scan_report_failure(scan, rc, &err);
    }
}
