/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/search: searches that ask sources of near rows: a source that measures the rows of its run finds what a search
 * without sources finds, whatever lies in which run; one that names too few, or is damaged, is done without. Sources that look
 * for rows together find the same, too.
 */
#include <unistd.h>

#include "base/check.h"
#include "column/column.h"
#include "firn/firn.h"
#include "search/search_run.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_temp.h"

static firn_error err;

enum { N = 3 };

/* How a source behaves. */
enum way {
    WAY_RIGHT,
    WAY_ABSENT,
    WAY_SOME,
    WAY_FEW,
    WAY_CORRUPT,
    WAY_BROKEN,
    WAY_SHARED,     /* two of three name only what is near among the rows of all of them */
    WAY_SHARED_FEW, /* likewise, but not enough */
    WAYS
};

struct fake {
    enum way way;
    enum fi_vector_metric metric;
    uint32_t column;
    unsigned opened;
    unsigned closed;
    unsigned asked;
    double radius; /* of what is near, if they are shared */
};

struct fake_source {
    struct fake *fake;
    struct fi_run *run;
    bool is_shared;
};

static int
open_fake(void *ctx, struct fi_run *run, uint32_t column, enum fi_vector_metric metric, void **out,
          firn_error *error)
{
    struct fake *fake = ctx;
    (void)error;
    *out = NULL;
    fake->metric = metric;
    fake->column = column;
    if (fake->way == WAY_ABSENT || (fake->way == WAY_SOME && fake->opened++ % 2 == 0)) {
        fake->closed += fake->way == WAY_SOME ? 1 : 0;
        return FIRN_OK;
    }
    struct fake_source *source = malloc(sizeof *source);
    assert_non_null(source);
    *source = (struct fake_source){fake, run, false};
    *out = source;
    fake->opened += fake->way == WAY_SOME ? 0 : 1;
    return FIRN_OK;
}

static void
close_fake(void *ctx, void *source)
{
    struct fake *fake = ctx;
    fake->closed++;
    free(source);
}

static int
compare(const void *a, const void *b)
{
    const struct fi_search_candidate *left = a;
    const struct fi_search_candidate *right = b;
    if (left->distance != right->distance) {
        return left->distance < right->distance ? -1 : 1;
    }
    return (left->row > right->row) - (left->row < right->row);
}

/* Appends the rows of a run that are allowed, with their distances. */
static void
measure_fake(const struct fake_source *source, const struct fi_search_ask *ask,
             struct fi_search_candidate **all, size_t *count)
{
    const struct fake *fake = source->fake;
    uint64_t row = 0;
    for (size_t i = 0; i < fi_column_group_count(source->run); i++) {
        struct fi_column_group group;
        struct fi_column_pin pin = {.cache = NULL};
        struct fi_chunk_scratch scratch = {0};
        fi_column_group_at(source->run, i, &group);
        OK(fi_column_pin_chunk(source->run, i, fake->column, FI_BLOCK_CACHE_DATA, &pin, &err));
        *all = realloc(*all, (*count + group.rows) * sizeof **all);
        assert_non_null(*all);
        for (size_t k = 0; k < group.rows; k++, row++) {
            struct fi_cell cell;
            if (ask->allowed != NULL && (ask->allowed[row / 64] >> (row % 64) & 1) == 0) {
                continue;
            }
            OK(fi_chunk_get(&pin.chunk, k, &scratch, &cell, &err));
            if (cell.kind == FI_PHYSICAL_BYTES) {
                (*all)[(*count)++] = (struct fi_search_candidate){
                    row, fi_vector_distance_exact(fake->metric, ask->query, cell.as.bytes.data,
                                                  ask->dimensions)};
            }
        }
        fi_chunk_scratch_deinit(&scratch);
        fi_column_read_unpin(&pin);
    }
}

static int
share_fake(void *ctx, void *const *sources, size_t source_count, const struct fi_search_ask *asks,
           bool *out, firn_error *error)
{
    struct fake *fake = ctx;
    struct fi_search_candidate *all = NULL;
    size_t count = 0;
    (void)error;
    assert_true(source_count >= 2);
    for (size_t i = 0; i < source_count; i++) {
        struct fake_source *source = sources[i];
        source->is_shared = i % 3 != 2 && (fake->way == WAY_SHARED || fake->way == WAY_SHARED_FEW);
        out[i] = source->is_shared;
        if (source->is_shared) {
            assert_true(asks[i].allowed_count > 0 && asks[i].wanted <= asks[i].allowed_count);
            measure_fake(source, &asks[i], &all, &count);
        }
    }
    if (count > 0) {
        qsort(all, count, sizeof *all, compare);
    }
    size_t wanted = asks[0].wanted;
    for (size_t i = 1; i < source_count; i++) {
        wanted = asks[i].wanted > wanted ? asks[i].wanted : wanted;
    }
    wanted = fake->way == WAY_SHARED ? wanted : wanted / 2 + 1;
    fake->radius = count == 0 ? 0 : all[wanted < count ? wanted - 1 : count - 1].distance;
    free(all);
    return FIRN_OK;
}

static int
find_fake(void *ctx, void *opaque, const struct fi_search_ask *ask, struct fi_search_candidate *out,
          size_t *out_count, firn_error *error)
{
    struct fake *fake = ctx;
    const struct fake_source *source = opaque;
    struct fi_search_candidate *all = NULL;
    size_t count = 0;
    fake->asked++;
    *out_count = 0;
    if (fake->way == WAY_CORRUPT || fake->way == WAY_BROKEN) {
        error->code = fake->way == WAY_CORRUPT ? FIRN_CORRUPT : FIRN_IO;
        return error->code;
    }
    assert_true(source->is_shared || !ask->is_shared);
    measure_fake(source, ask, &all, &count);
    qsort(all, count, sizeof *all, compare);
    count = count < ask->wanted ? count : ask->wanted;
    count = fake->way == WAY_FEW && count > 0 ? count - 1 : count;
    while (ask->is_shared && count > 0 && all[count - 1].distance > fake->radius) {
        count--;
    }
    memcpy(out, all, count * sizeof *out);
    *out_count = count;
    free(all);
    return FIRN_OK;
}

/* ---- tables ---- */

static firn_value
vector_value(const float *vector)
{
    firn_value value = firn_blob(firn_bytes(vector, N * sizeof *vector));
    value.type = FIRN_TYPE_VECTOR;
    return value;
}

static void
fill_vector(struct test_random *random, float *out)
{
    for (size_t i = 0; i < N; i++) {
        out[i] = (float)test_random_below(random, 9) - 4;
    }
}

/* Writes rows with keys from first to end, or deletes some of them. */
static void
write_rows(firn_table *table, struct test_random *random, uint64_t first, uint64_t end)
{
    for (uint64_t id = first; id < end; id++) {
        float vector[N];
        char key[32];
        (void)snprintf(key, sizeof key, "k%06llu", (unsigned long long)id);
        fill_vector(random, vector);
        firn_value row[] = {firn_text(key), firn_i64((int64_t)test_random_below(random, 10)),
                            test_random_below(random, 40) == 0 ? firn_null()
                                                               : vector_value(vector)};
        if (test_random_below(random, 10) == 0) {
            int rc = firn_table_delete(table, NULL, row, 1, &err);
            assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
        } else {
            OK(firn_table_upsert(table, NULL, row, 3, &err));
        }
    }
}

static void
check_equal(const struct firn_search_result *a, const struct firn_search_result *b)
{
    assert_int_equal(firn_search_result_count(a), firn_search_result_count(b));
    for (size_t i = 0; i < firn_search_result_count(a); i++) {
        firn_slice left = firn_search_result_key(a, i, NULL)[0].as.bytes;
        firn_slice right = firn_search_result_key(b, i, NULL)[0].as.bytes;
        assert_true(firn_search_result_distance(a, i) == firn_search_result_distance(b, i));
        assert_int_equal(left.size, right.size);
        assert_memory_equal(left.data, right.data, left.size);
    }
}

static void
check_search(firn_table *table, struct test_random *random, enum way way, bool has_nulls)
{
    static const char *const wheres[] = {NULL, "kind = 3", "kind < 8", "k > 'k000100'",
                                         "v is not null"};
    float query[N];
    struct fake fake = {.way = way};
    const struct fi_search_sources sources = {.ctx = &fake,
                                              .open = open_fake,
                                              .close = close_fake,
                                              .find = find_fake,
                                              .share = share_fake};
    struct fi_search_request request = {
        .column = "v",
        .query = query,
        .query_count = 1,
        .dimensions = N,
        .k = test_random_below(random, 3) == 0 ? 2000 : 1 + test_random_below(random, 12),
        .metric = (enum fi_vector_metric)(1 + test_random_below(random, 3)),
        .where = wheres[test_random_below(random, 5)],
        .threads = (unsigned)test_random_below(random, 3)};
    struct firn_search_result *expected;
    struct firn_search_result *found;
    fill_vector(random, query);
    OK(fi_search_run(table, &request, &expected, &err));
    request.sources = &sources;
    int rc = fi_search_run(table, &request, &found, &err);
    assert_int_equal(fake.opened, fake.closed);
    if (way == WAY_BROKEN) {
        assert_true(rc == FIRN_IO || (rc == FIRN_OK && fake.asked == 0));
    }
    if (rc == FIRN_OK) {
        check_equal(expected, found);
        assert_true(has_nulls || way != WAY_RIGHT || fake.asked == 0 ||
                    found->stats.rows_measured < expected->stats.rows_measured ||
                    expected->stats.rows_measured == 0);
        fi_search_result_free(found);
    } else {
        assert_int_equal(way, WAY_BROKEN);
    }
    fi_search_result_free(expected);
}

static void
sources_change_no_answer(void **state)
{
    struct test_random random;
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *table;
    firn_table_def *def;
    test_random_init(&random, "search_source", 6);
    test_temp_make(dir, sizeof dir);
    (void)snprintf(path, sizeof path, "%s/s.firn", dir);
    OK(firn_store_open(path, NULL, &store, &err));
    OK(firn_table_def_parse("k text primary key, kind i32, v vector(3)", &def, &err));
    OK(firn_table_create(store, "t", def, &table, &err));
    firn_release(def);
    for (unsigned round = 0; round < 16; round++) {
        const uint64_t first = test_random_below(&random, 1500);
        write_rows(table, &random, first, first + 1 + test_random_below(&random, 500));
        if (test_random_below(&random, 3) > 0) {
            OK(firn_store_flush(store, &err));
        }
        if (test_random_below(&random, 5) == 0) {
            OK(firn_store_compact(store, NULL, &err));
        }
        for (unsigned i = 0; i < 2 * WAYS; i++) {
            check_search(table, &random, (enum way)(i % WAYS), true);
        }
    }
    OK(firn_store_close(store, &err));
    OK(firn_store_destroy(path, &err));
    assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources_change_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
