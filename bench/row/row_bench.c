/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/row/row_bench.c: the costs of one run of rows: building it, gets, missing gets, seeks with
 * ten steps, walks. Keys of 16 random bytes, values of 100, half of them zeros.
 *
 * bench_row [entries (1,000,000) [codec (0) [cache MiB (2048)]]]. Prints nanoseconds of processor time
 * an operation, the best of several rounds. The file goes to $TMPDIR or /tmp.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/bytes.h"
#include "base/check.h"
#include "posix/os_default.h"
#include "row/row.h"

enum { KEY_SIZE = 16, VALUE_SIZE = 100, ROUNDS = 5 };

struct bench {
    struct fi_os *os;
    struct fi_run_env env;
    struct fi_run *run;
    enum fi_codec codec;
    size_t count;
    uint8_t *keys;   /* in order */
    size_t *shuffle; /* of the keys */
};

static double
now_ns(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static uint64_t
next_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = *state;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static int
compare_keys(const void *a, const void *b)
{
    return memcmp(a, b, KEY_SIZE);
}

static firn_slice
key_at(const struct bench *bench, size_t i)
{
    return firn_bytes(bench->keys + i * KEY_SIZE, KEY_SIZE);
}

static void
make_keys(struct bench *bench)
{
    uint64_t state = 1;
    bench->keys = malloc(bench->count * KEY_SIZE);
    bench->shuffle = malloc(bench->count * sizeof bench->shuffle[0]);
    CHECK(bench->keys != NULL && bench->shuffle != NULL);
    for (size_t i = 0; i < bench->count; i++) {
        fi_store_le64(bench->keys + i * KEY_SIZE, next_random(&state));
        fi_store_le64(bench->keys + i * KEY_SIZE + 8, next_random(&state));
        bench->shuffle[i] = i;
    }
    qsort(bench->keys, bench->count, KEY_SIZE, compare_keys);
    for (size_t i = bench->count; i > 1; i--) {
        size_t j = (size_t)(next_random(&state) % i);
        size_t kept = bench->shuffle[j];
        bench->shuffle[j] = bench->shuffle[i - 1];
        bench->shuffle[i - 1] = kept;
    }
}

static void
require(int rc, const firn_error *err)
{
    if (rc != FIRN_OK) {
        (void)fprintf(stderr, "%s\n", err->text);
        exit(1);
    }
}

/* ---- what is timed: each returns the number of operations ---- */

static size_t
build(struct bench *bench)
{
    firn_error err;
    struct fi_run_builder *builder;
    struct fi_run_builder_options options = {.codec = bench->codec, .codec_level = 1};
    if (bench->run != NULL) {
        fi_row_kind.close(bench->run);
        require(fi_os_remove_file(bench->env.dir, "firn-bench-row", &err), &err);
    }
    require(fi_row_kind.builder_create(&bench->env, "firn-bench-row", &options, &builder, &err),
            &err);
    uint64_t state = 7;
    for (size_t i = 0; i < bench->count; i++) {
        uint8_t value[VALUE_SIZE] = {0};
        for (size_t at = 0; at + 8 <= VALUE_SIZE / 2; at += 8) {
            fi_store_le64(value + at, next_random(&state));
        }
        struct fi_entry entry = {.key = key_at(bench, i),
                                 .value = firn_bytes(value, sizeof value),
                                 .sequence = 1 + bench->shuffle[i],
                                 .kind = FI_ENTRY_PUT};
        require(fi_row_kind.builder_add(builder, &entry, &err), &err);
    }
    struct fi_run_summary summary;
    require(fi_row_kind.builder_finish(builder, &summary, &err), &err);
    fi_row_kind.builder_destroy(builder);
    fi_run_summary_deinit(&summary);
    require(fi_row_kind.open(&bench->env, "firn-bench-row", &bench->run, &err), &err);
    return bench->count;
}

static size_t
get_all(struct bench *bench)
{
    firn_error err;
    struct fi_buf value = {0};
    struct fi_snapshot_interval all = {1, UINT64_MAX};
    struct fi_snapshot view = {&all, 1, 0, NULL};
    struct fi_run_hit hit;
    for (size_t i = 0; i < bench->count; i++) {
        firn_slice key = key_at(bench, bench->shuffle[i]);
        require(fi_row_kind.get(bench->run, key, &view, &hit, &value, &err), &err);
    }
    fi_buf_deinit(&value);
    return bench->count;
}

static size_t
get_missing(struct bench *bench)
{
    struct fi_buf value = {0};
    struct fi_snapshot_interval all = {1, UINT64_MAX};
    struct fi_snapshot view = {&all, 1, 0, NULL};
    struct fi_run_hit hit;
    uint64_t state = 99;
    for (size_t i = 0; i < bench->count; i++) {
        uint8_t key[KEY_SIZE];
        fi_store_le64(key, next_random(&state));
        fi_store_le64(key + 8, next_random(&state));
        CHECK(fi_row_kind.get(bench->run, firn_bytes(key, sizeof key), &view, &hit, &value, NULL) ==
              FIRN_NOT_FOUND);
    }
    fi_buf_deinit(&value);
    return bench->count;
}

static size_t
seek_and_step(struct bench *bench)
{
    firn_error err;
    struct fi_run_cursor *cursor;
    size_t count = bench->count / 4;
    require(fi_row_kind.cursor_create(bench->run, NULL, &cursor, &err), &err);
    for (size_t i = 0; i < count; i++) {
        require(fi_row_kind.cursor_seek(cursor, key_at(bench, bench->shuffle[i]), UINT64_MAX, &err),
                &err);
        for (int step = 0; step < 10 && cursor->is_valid; step++) {
            require(fi_row_kind.cursor_next(cursor, &err), &err);
        }
    }
    fi_row_kind.cursor_destroy(cursor);
    return count;
}

static size_t
walk(struct bench *bench, bool is_sequential)
{
    firn_error err;
    struct fi_run_cursor *cursor;
    struct fi_run_cursor_options options = {.is_sequential = is_sequential};
    size_t count = 0;
    uint64_t sum = 0;
    require(fi_row_kind.cursor_create(bench->run, &options, &cursor, &err), &err);
    require(fi_row_kind.cursor_first(cursor, &err), &err);
    for (; cursor->is_valid; count++) {
        sum += cursor->entry.key.data[3] + cursor->entry.value.data[10];
        require(fi_row_kind.cursor_next(cursor, &err), &err);
    }
    fi_row_kind.cursor_destroy(cursor);
    CHECK(count == bench->count && sum != 0);
    return count;
}

static size_t
walk_cached(struct bench *bench)
{
    return walk(bench, false);
}

static size_t
walk_ahead(struct bench *bench)
{
    return walk(bench, true);
}

static void
measure(struct bench *bench, const char *what, size_t (*operation)(struct bench *bench))
{
    double best = 1e99;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        size_t count = operation(bench);
        double each = (now_ns() - start) / (double)count;
        best = each < best ? each : best;
    }
    (void)printf("%-28s %8.1f ns\n", what, best);
}

int
main(int argc, char **argv)
{
    firn_error err;
    struct bench bench = {.count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000,
                          .codec = argc > 2 ? (enum fi_codec)atoi(argv[2]) : FI_CODEC_NONE};
    size_t cache_mib = argc > 3 ? strtoul(argv[3], NULL, 10) : 2048;
    const char *directory = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    bench.os = fi_os_default();
    require(fi_os_dir_open_path(bench.os, directory, &bench.env.dir, &err), &err);
    require(fi_block_cache_create(bench.os, cache_mib << 20, &bench.env.cache, &err), &err);
    make_keys(&bench);
    measure(&bench, "build, an entry", build);
    (void)printf("%-28s %8.1f\n", "bytes, an entry",
                 (double)fi_row_kind.summary(bench.run)->file_bytes / (double)bench.count);
    measure(&bench, "walk ahead, not cached", walk_ahead);
    measure(&bench, "get", get_all);
    measure(&bench, "get, missing", get_missing);
    measure(&bench, "seek and 10 steps", seek_and_step);
    measure(&bench, "walk, cached", walk_cached);
    measure(&bench, "walk ahead, cached", walk_ahead);
    fi_row_kind.close(bench.run);
    require(fi_os_remove_file(bench.env.dir, "firn-bench-row", &err), &err);
    fi_os_dir_close(bench.env.dir);
    fi_block_cache_destroy(bench.env.cache);
    free(bench.keys);
    free(bench.shuffle);
    return 0;
}
