/* SPDX-License-Identifier: Apache-2.0
 *
 * kv_measure.h: clocks and counts of the process that runs a workload, and the lines that it prints.
 */
#ifndef BENCH_KV_MEASURE_H
#define BENCH_KV_MEASURE_H

#include <stdint.h>

/* Nanoseconds of the monotonic clock. */
uint64_t kv_now(void);

/* Seconds that went by, and that the process's threads computed, the engine's own included. */
struct kv_span {
    double wall, user, system;
};
struct kv_span kv_span_begin(void);
/* From `begun` until now. */
struct kv_span kv_span_since(struct kv_span begun);

/* Latencies in classes a 32nd apart. */
enum { KV_CLASSES = 64 * 32 };
struct kv_histogram {
    uint64_t counts[KV_CLASSES];
    uint64_t count, longest_ns;
};
void kv_histogram_add(struct kv_histogram *histogram, uint64_t ns);
/* The upper end of the class that holds the given share (0.999, say) of all. */
double kv_histogram_at(const struct kv_histogram *histogram, double share);

/* Bytes that the process made the kernel write to storage, by /proc/self/io: a page counts once for
 * each time that it becomes dirty, whether its file is removed later or not. */
uint64_t kv_written_bytes(void);
/* Memory in use now, and the most there ever was. */
uint64_t kv_resident_bytes(void);
uint64_t kv_resident_bytes_max(void);
/* Waits until the process neither computed nor read or wrote for three pauses of this length: what
 * the engine does in the background is done. Dies after five minutes. */
void kv_wait_quiet(uint64_t pause_ns);

/* One line of results, "row wall user system value" between tabs, the row's name being `row` and
 * `suffix` in one; without a span, "-" for its three numbers. */
void kv_print(const char *row, const char *suffix, const struct kv_span *span, double value);
/* Three lines: p99.9, p99.99 and the longest. */
void kv_print_latencies(const char *row, const struct kv_histogram *histogram);

#endif
