/* SPDX-License-Identifier: Apache-2.0
 *
 * kv_measure.c: see kv_measure.h.
 */
#include "kv_measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "kv.h"

uint64_t
kv_now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static double
seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

static struct rusage
usage(void)
{
    struct rusage used;
    if (getrusage(RUSAGE_SELF, &used) != 0) {
        kv_die("could not read the resources used");
    }
    return used;
}

struct kv_span
kv_span_begin(void)
{
    struct rusage used = usage();
    return (struct kv_span){(double)kv_now() * 1e-9, seconds_of(used.ru_utime),
                            seconds_of(used.ru_stime)};
}

struct kv_span
kv_span_since(struct kv_span begun)
{
    struct kv_span now = kv_span_begin();
    return (struct kv_span){now.wall - begun.wall, now.user - begun.user,
                            now.system - begun.system};
}

void
kv_histogram_add(struct kv_histogram *histogram, uint64_t ns)
{
    /* Below 64 exact; above, the leading bit and the five after it. */
    uint64_t shift = ns < 64 ? 0 : (uint64_t)(58 - __builtin_clzll(ns));
    histogram->counts[shift * 32 + (ns >> shift)]++;
    histogram->count++;
    if (ns > histogram->longest_ns) {
        histogram->longest_ns = ns;
    }
}

double
kv_histogram_at(const struct kv_histogram *histogram, double share)
{
    double wanted = share * (double)histogram->count;
    uint64_t seen = 0;
    for (uint64_t i = 0; i < KV_CLASSES; i++) {
        seen += histogram->counts[i];
        if ((double)seen >= wanted) {
            uint64_t shift = i < 64 ? 0 : i / 32 - 1;
            return (double)((i - shift * 32 + 1) << shift);
        }
    }
    return (double)histogram->longest_ns;
}

/* The number after a name in one of the kernel's lists. */
static uint64_t
number_in(const char *path, const char *name)
{
    char line[256];
    uint64_t number = 0;
    bool found = false;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        kv_die("could not open %s", path);
    }
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        found = strncmp(line, name, strlen(name)) == 0 &&
                sscanf(line + strlen(name), ": %" SCNu64, &number) == 1;
    }
    (void)fclose(file);
    if (!found) {
        kv_die("%s does not tell %s", path, name);
    }
    return number;
}

uint64_t
kv_written_bytes(void)
{
    return number_in("/proc/self/io", "write_bytes");
}

uint64_t
kv_resident_bytes(void)
{
    return number_in("/proc/self/status", "VmRSS") * 1024;
}

uint64_t
kv_resident_bytes_max(void)
{
    return (uint64_t)usage().ru_maxrss * 1024;
}

void
kv_wait_quiet(uint64_t pause_ns)
{
    struct timespec pause = {(time_t)(pause_ns / 1000000000), (long)(pause_ns % 1000000000)};
    uint64_t deadline = kv_now() + UINT64_C(300000000000);
    for (int quiet = 0; quiet < 3;) {
        uint64_t moved = kv_written_bytes() + number_in("/proc/self/io", "rchar");
        struct kv_span begun = kv_span_begin();
        (void)nanosleep(&pause, NULL);
        struct kv_span spent = kv_span_since(begun);
        /* Reading the lists above moves a few bytes too. */
        uint64_t moved_now = kv_written_bytes() + number_in("/proc/self/io", "rchar");
        bool idle = spent.user + spent.system < 0.03 * spent.wall + 0.0005;
        quiet = idle && moved_now - moved < 4096 ? quiet + 1 : 0;
        if (kv_now() > deadline) {
            kv_die("does not come to rest");
        }
    }
}

void
kv_print(const char *row, const char *suffix, const struct kv_span *span, double value)
{
    if (span == NULL) {
        (void)printf("%s%s\t-\t-\t-\t%.6g\n", row, suffix, value);
    } else {
        (void)printf("%s%s\t%.6f\t%.6f\t%.6f\t%.6g\n", row, suffix, span->wall, span->user,
                     span->system, value);
    }
}

void
kv_print_latencies(const char *row, const struct kv_histogram *histogram)
{
    kv_print(row, "_p999_us", NULL, kv_histogram_at(histogram, 0.999) * 1e-3);
    kv_print(row, "_p9999_us", NULL, kv_histogram_at(histogram, 0.9999) * 1e-3);
    kv_print(row, "_longest_ms", NULL, (double)histogram->longest_ns * 1e-6);
}
