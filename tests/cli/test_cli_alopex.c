/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/test_cli_alopex.c: the readers of Alopex's files, on files that the published crates wrote (tests/formats/alopex). However
 * they are damaged, what comes in is what they had, and what is missing is told of.
 */
#include "migrate/migrate_internal.h"
#include "support/test.h"
#include "support/test_random.h"

enum { FILE_MAX = 64 << 10, VERSIONS_MAX = 256, TEXT_SIZE = 128, STOPPED = FIRN_CANCELLED };

static const char *const names[] = {"small.sst",  "old.sst",   "lz4.sst",     "zstd.sst",
                                    "small.wal",  "old.wal",   "wrapped.wal", "small.alopex",
                                    "memory.log", "small.alxs"};
enum { FILES = sizeof(names) / sizeof(names[0]) };

/* ---- allocations that fail ---- */

static size_t allocations;
static size_t fail_at; /* 0: none */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *
__wrap_malloc(size_t size)
{
    return ++allocations == fail_at ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return ++allocations == fail_at ? NULL : __real_calloc(count, size);
}

/* ---- a file in memory, and what is read of it ---- */

struct image {
    const char *name;
    uint8_t bytes[FILE_MAX];
    size_t size;
};

struct found {
    char versions[VERSIONS_MAX][TEXT_SIZE]; /* in the order of strcmp */
    size_t count;
    size_t told;
    size_t stop_at; /* 0: never */
};

static void
load(struct image *image, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "tests/formats/alopex/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    image->name = name;
    image->size = fread(image->bytes, 1, sizeof(image->bytes), file);
    assert_true(image->size > 0 && image->size < FILE_MAX);
    (void)fclose(file);
}

static bool
read_image(void *ctx, uint64_t offset, uint8_t *data, size_t size)
{
    const struct image *image = ctx;
    assert_true(offset <= image->size && size <= image->size - offset);
    memcpy(data, image->bytes + offset, size);
    return true;
}

static int
keep(void *ctx, const struct fi_migrate_version *version, firn_error *err)
{
    struct found *found = ctx;
    if (found->count + 1 == found->stop_at) {
        return fi_migrate_fail(err, STOPPED, "it was stopped");
    }
    assert_true(found->count < VERSIONS_MAX);
    assert_true(!version->is_deleted || version->value.size == 0);
    (void)snprintf(found->versions[found->count++], TEXT_SIZE, "%.*s %d %.*s %llu %llu",
                   (int)version->key.size, (const char *)version->key.data, version->is_deleted,
                   (int)version->value.size, (const char *)version->value.data,
                   (unsigned long long)version->timestamp, (unsigned long long)version->sequence);
    return FIRN_OK;
}

static void
tell(void *ctx, const char *text)
{
    struct found *found = ctx;
    assert_true(strncmp(text, "at offset ", 10) == 0);
    found->told++;
}

static int
compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int
read_all(struct image *image, struct found *found)
{
    firn_error err;
    uint64_t tables;
    const struct fi_migrate_span span = {read_image, image, 0, image->size};
    const struct fi_migrate_taker taker = {keep, tell, found};
    const char *ending = strrchr(image->name, '.');
    uint64_t limit = image->size > 32 ? image->size - 16 : 0;
    found->count = found->told = 0;
    int code = strcmp(ending, ".sst") == 0   ? fi_migrate_table_read(&span, &taker, NULL, &err)
               : strcmp(ending, ".wal") == 0 ? fi_migrate_wal_read(&span, 0, &taker, &err)
               : strcmp(ending, ".log") == 0 ? fi_migrate_journal_read(&span, &taker, &err)
               : strcmp(ending, ".alxs") == 0
                   ? fi_migrate_alxs_read(&span, limit, NULL, &taker, &err)
                   : fi_migrate_container_read(&span, &taker, &tables, &err);
    qsort(found->versions, found->count, TEXT_SIZE, compare);
    assert_true(code == FIRN_OK || err.code == code);
    return code;
}

static struct image image;
static struct found whole;
static struct found history; /* what a log has beyond its ends is there, too */
static struct found found;

static bool
has(const struct found *all, const char *version)
{
    return bsearch(version, all->versions, all->count, TEXT_SIZE, compare) != NULL;
}

/* How many versions of the whole file a damaged copy has lost; it has none that never was. */
static size_t
count_lost(size_t at)
{
    size_t lost = 0;
    for (size_t i = 0; i < found.count; i++) {
        if (!has(&history, found.versions[i])) {
            fail_msg("%s %zu: a version that never was: %s", image.name, at, found.versions[i]);
        }
    }
    for (size_t i = 0; i < whole.count; i++) {
        lost += !has(&found, whole.versions[i]);
    }
    return lost;
}

static void
load_whole(const char *name)
{
    load(&image, name);
    assert_int_equal(read_all(&image, &whole), FIRN_OK);
    history = whole;
    if (strstr(name, ".wal") != NULL) {
        memset(image.bytes, 0xff, 8);
        assert_int_equal(read_all(&image, &history), FIRN_OK);
        load(&image, name);
        found = whole;
        assert_int_equal(count_lost(0), 0);
    }
}

/* ---- tests ---- */

static void
files_of_the_crates_are_read(void **state)
{
    static const size_t counts[FILES] = {4, 4, 4, 4, 7, 6, 6, 5, 8, 2};
    for (int i = 0; i < FILES; i++) {
        load(&image, names[i]);
        assert_int_equal(read_all(&image, &found), FIRN_OK);
        assert_int_equal(found.told, 0);
        assert_int_equal(found.count, counts[i]);
    }
}

/* Of ALXS, where nothing tells, only sizes matter: it is read here without its checksum. */
static bool
is_checked(void)
{
    return strcmp(image.name, "small.alxs") != 0;
}

static void
a_file_that_was_cut_gives_what_is_left(void **state)
{
    for (int i = 0; i < FILES; i++) {
        load_whole(names[i]);
        size_t size = image.size;
        size_t blocks = 0;
        size_t before = 0;
        for (image.size = 0; image.size < size; image.size++) {
            assert_int_equal(read_all(&image, &found), FIRN_OK);
            size_t lost = count_lost(image.size);
            bool is_open = strstr(names[i], ".log") != NULL; /* it may end after any transaction */
            assert_true(found.told > 0 || lost == 0 || !is_checked() || is_open);
            assert_true(found.count >= before || strstr(names[i], ".wal") != NULL);
            blocks += found.count > before;
            before = found.count;
        }
        assert_true(blocks > 0);
    }
}

static void
a_bit_that_changed_loses_little_and_is_told(void **state)
{
    for (int i = 0; i < FILES; i++) {
        load_whole(names[i]);
        size_t most = 0;
        for (size_t at = 0; is_checked() && at < image.size; at++) {
            for (int bit = 0; bit < 8; bit++) {
                image.bytes[at] ^= (uint8_t)(1 << bit);
                int code = read_all(&image, &found);
                bool is_version = strcmp(names[i], "small.alopex") == 0 && at >= 4 && at < 10;
                assert_int_equal(code, is_version ? FIRN_UNSUPPORTED : FIRN_OK);
                size_t lost = count_lost(at);
                if (code == FIRN_OK && lost > 0 && found.told == 0) {
                    fail_msg("%s: bit %d at %zu: %zu versions are lost silently", names[i], bit, at,
                             lost);
                }
                most = code == FIRN_OK && lost > most ? lost : most;
                image.bytes[at] ^= (uint8_t)(1 << bit);
            }
        }
        /* A transaction of the memory store has three versions. A block has two versions, or three; an entry of the log one, and one whose size leads to the end of the log hides the rest. */
        assert_true(most <= (strstr(names[i], ".wal") != NULL ? 4U : 3U));
    }
}

static void
any_damage_gives_nothing_that_never_was(void **state)
{
    struct test_random random;
    test_random_init(&random, "alopex", 22);
    for (int turn = 0; turn < 20000; turn++) {
        load_whole(names[test_random_below(&random, FILES)]);
        for (uint64_t i = test_random_below(&random, 6); is_checked() && i < 6; i++) {
            size_t at = (size_t)test_random_below(&random, image.size);
            size_t size = (size_t)test_random_below(&random, 16);
            for (; size > 0 && at < image.size; size--) {
                image.bytes[at++] = (uint8_t)test_random_below(&random, 256);
            }
        }
        int code = read_all(&image, &found);
        assert_true(code == FIRN_OK || code == FIRN_UNSUPPORTED);
        (void)count_lost(0);
    }
}

static void
a_taker_that_fails_ends_it(void **state)
{
    for (int i = 0; i < FILES; i++) {
        load_whole(names[i]);
        for (size_t at = 1; at <= whole.count; at++) {
            found.stop_at = at;
            assert_int_equal(read_all(&image, &found), STOPPED);
            assert_int_equal(found.count, at - 1);
        }
        found.stop_at = 0;
    }
}

static void
memory_that_is_out_is_an_error(void **state)
{
    for (int i = 0; i < FILES; i++) {
        load(&image, names[i]);
        allocations = 0;
        assert_int_equal(read_all(&image, &found), FIRN_OK);
        size_t count = allocations;
        assert_true(count > 0);
        for (size_t at = 1; at <= count; at++) {
            allocations = 0;
            fail_at = at;
            int code = read_all(&image, &found);
            fail_at = 0;
            assert_int_equal(code, FIRN_NO_MEMORY);
        }
    }
}

/* ---- versions ---- */

enum { KEYS = 40, PUTS = 400 };

struct newest {
    uint64_t timestamp;
    uint64_t sequence;
    bool is_there;
    int value; /* -1: deleted */
};

/* Keys of NULs, one of which may be the beginning of another. */
static firn_slice
key_of(int i, uint8_t out[KEYS])
{
    memset(out, 0, KEYS);
    out[i / 2] = (uint8_t)(i % 2);
    return firn_bytes(out, (size_t)i / 2 + 1);
}

static int
put_versions(struct fi_migrate_versions *versions, struct newest model[KEYS], firn_error *err)
{
    struct test_random random = {7};
    int code = FIRN_OK;
    for (int i = 0; code == FIRN_OK && i < PUTS; i++) {
        uint8_t bytes[KEYS];
        int key = (int)test_random_below(&random, KEYS);
        struct newest now = {.timestamp = test_random_below(&random, 20),
                             .sequence = (uint64_t)i,
                             .is_there = true,
                             .value = test_random_below(&random, 4) == 0 ? -1 : i};
        struct fi_migrate_version version = {
            .key = key_of(key, bytes),
            .value = firn_bytes((const uint8_t *)&now.value, now.value < 0 ? 0 : sizeof(int)),
            .is_deleted = now.value < 0,
            .timestamp = now.timestamp,
            .sequence = now.sequence};
        code = fi_migrate_versions_put(versions, &version, err);
        if (!model[key].is_there || now.timestamp >= model[key].timestamp) {
            model[key] = now;
        }
    }
    return code;
}

/* Returns what fails first. */
static int
compare_versions(firn_error *err)
{
    struct fi_migrate_versions *versions = NULL;
    struct newest model[KEYS] = {{0}};
    bool is_end = false;
    int code = fi_migrate_versions_create(&versions, err);
    code = code == FIRN_OK ? put_versions(versions, model, err) : code;
    code = code == FIRN_OK ? fi_migrate_versions_sort(versions, err) : code;
    size_t given = 0;
    size_t wanted = 0;
    while (code == FIRN_OK) {
        uint8_t bytes[KEYS];
        int key = 0;
        firn_slice found_key;
        firn_slice value;
        code = fi_migrate_versions_next(versions, &found_key, &value, &is_end, err);
        if (code != FIRN_OK || is_end) {
            break;
        }
        given++;
        while (key < KEYS && (key_of(key, bytes).size != found_key.size ||
                              memcmp(bytes, found_key.data, found_key.size) != 0)) {
            key++;
        }
        assert_true(key < KEYS && model[key].value >= 0 && value.size == sizeof(int));
        assert_memory_equal(value.data, &model[key].value, sizeof(int));
    }
    for (int i = 0; i < KEYS; i++) {
        wanted += model[i].is_there && model[i].value >= 0;
    }
    assert_true(code != FIRN_OK || given == wanted);
    fi_migrate_versions_destroy(versions);
    return code;
}

static void
the_newest_version_of_each_key_counts(void **state)
{
    firn_error err;
    assert_int_equal(compare_versions(&err), FIRN_OK);
}

static void
sorting_fails_without_memory(void **state)
{
    firn_error err;
    allocations = 0;
    assert_int_equal(compare_versions(&err), FIRN_OK);
    size_t count = allocations;
    assert_true(count > 3);
    for (size_t at = 1; at <= count; at++) {
        allocations = 0;
        fail_at = at;
        int code = compare_versions(&err);
        fail_at = 0;
        assert_int_equal(code, FIRN_NO_MEMORY);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_the_crates_are_read),
        cmocka_unit_test(a_file_that_was_cut_gives_what_is_left),
        cmocka_unit_test(a_bit_that_changed_loses_little_and_is_told),
        cmocka_unit_test(any_damage_gives_nothing_that_never_was),
        cmocka_unit_test(a_taker_that_fails_ends_it),
        cmocka_unit_test(memory_that_is_out_is_an_error),
        cmocka_unit_test(the_newest_version_of_each_key_counts),
        cmocka_unit_test(sorting_fails_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
