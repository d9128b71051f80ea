/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/tree: directory objects: one encoding for one directory, no second reading of any
 * bytes, splitting.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_random.h"
#include "tree/tree.h"

/* ---- a store of objects in memory ---- */

enum { OBJECTS_MAX = 4096 };

struct objects {
    firn_hash hashes[OBJECTS_MAX];
    struct fi_buf bytes[OBJECTS_MAX];
    size_t count;
    size_t added; /* by the last build */
    size_t reads;
};

static int
put_object(void *ctx, const firn_hash *hash, firn_slice object, firn_error *err)
{
    (void)err;
    struct objects *objects = ctx;
    firn_hash computed;
    fi_blake3_hash_of(object.data, object.size, &computed);
    assert_memory_equal(&computed, hash, sizeof computed);
    for (size_t i = 0; i < objects->count; i++) {
        if (fi_hash_equal(&objects->hashes[i], hash)) {
            return FIRN_OK;
        }
    }
    assert_true(objects->count < OBJECTS_MAX);
    objects->hashes[objects->count] = *hash;
    if (fi_buf_append_slice(&objects->bytes[objects->count], object) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    objects->count++;
    objects->added++;
    return FIRN_OK;
}

static int
read_object(void *ctx, const firn_hash *hash, struct fi_buf *out, firn_error *err)
{
    struct objects *objects = ctx;
    objects->reads++;
    for (size_t i = 0; i < objects->count; i++) {
        if (fi_hash_equal(&objects->hashes[i], hash)) {
            fi_buf_clear(out);
            return fi_buf_append_slice(out, fi_buf_slice(&objects->bytes[i]));
        }
    }
    return fi_error_set(err, FIRN_CORRUPT, "no such object");
}

static void
objects_deinit(struct objects *objects)
{
    for (size_t i = 0; i < objects->count; i++) {
        fi_buf_deinit(&objects->bytes[i]);
    }
    fi_free(objects);
}

static struct objects *
objects_create(void)
{
    struct objects *objects = fi_alloc_zeroed(sizeof *objects);
    assert_non_null(objects);
    return objects;
}

static struct fi_tree_entry
file_entry(const char *name, uint64_t size)
{
    struct fi_tree_entry entry = {.name = firn_str(name),
                                  .kind = FI_TREE_FILE,
                                  .mode = 0644,
                                  .uid = 1000,
                                  .gid = 1000,
                                  .mtime_ns = INT64_C(1700000000123456789),
                                  .size = size};
    fi_blake3_hash_of(&size, sizeof size, &entry.hash);
    return entry;
}

static void
assert_entries_equal(const struct fi_tree_entry *a, const struct fi_tree_entry *b)
{
    assert_true(fi_slice_equal(a->name, b->name));
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->mode, b->mode);
    assert_int_equal(a->uid, b->uid);
    assert_int_equal(a->gid, b->gid);
    assert_int_equal(a->mtime_ns, b->mtime_ns);
    assert_int_equal(a->size, b->size);
    assert_memory_equal(&a->hash, &b->hash, sizeof a->hash);
    assert_true(fi_slice_equal(a->target, b->target));
    assert_true(fi_slice_equal(a->xattrs, b->xattrs));
    assert_true(fi_slice_equal(a->hard_link, b->hard_link));
}

/* ---- entries ---- */

static void
encode_all_kinds(struct fi_buf *out)
{
    struct fi_buf xattrs = {0};
    assert_int_equal(fi_tree_xattrs_append(&xattrs, firn_str("user.a"), firn_str("1")), FIRN_OK);
    assert_int_equal(fi_tree_xattrs_append(&xattrs, firn_str("user.b"), firn_bytes("\0\xff", 2)),
                     FIRN_OK);
    struct fi_tree_entry entries[] = {
        file_entry("a\n\xff", 0),
        {.name = firn_str("dir"), .kind = FI_TREE_DIR, .mode = 01777, .mtime_ns = -1},
        file_entry("file", UINT64_C(1) << 40),
        {.name = firn_str("link"),
         .kind = FI_TREE_SYMLINK,
         .mode = 0777,
         .target = firn_str("../../etc/passwd")},
    };
    entries[1].xattrs = fi_buf_slice(&xattrs);
    entries[2].hard_link = firn_str("a/b/c");
    entries[2].uid = UINT32_MAX;
    for (size_t i = 0; i < 4; i++) {
        size_t start = out->size;
        assert_int_equal(fi_tree_encode_entry(out, &entries[i]), FIRN_OK);
        firn_slice rest = firn_bytes(out->data + start, out->size - start);
        struct fi_tree_entry back;
        assert_int_equal(fi_tree_decode_entry(&rest, &back, NULL), FIRN_OK);
        assert_int_equal(rest.size, 0);
        assert_entries_equal(&entries[i], &back);
    }
    fi_buf_deinit(&xattrs);
}

static void
entries_of_every_kind_round_trip(void **state)
{
    struct fi_buf encoded = {0};
    encode_all_kinds(&encoded);
    fi_buf_deinit(&encoded);
}

/* Whatever a changed encoding decodes to must encode to exactly those bytes again. */
static void
decoding_accepts_one_form_only(void **state)
{
    struct fi_buf encoded = {0};
    struct fi_buf again = {0};
    encode_all_kinds(&encoded);
    struct test_random random;
    test_random_init(&random, "tree one form", 11);
    uint64_t accepted = 0;
    for (size_t i = 0; i < encoded.size * 256; i++) {
        size_t at = i / 256;
        uint8_t saved = encoded.data[at];
        encoded.data[at] = (uint8_t)i;
        firn_slice rest = fi_buf_slice(&encoded);
        while (rest.size > 0) {
            firn_slice before = rest;
            struct fi_tree_entry entry;
            if (fi_tree_decode_entry(&rest, &entry, NULL) != FIRN_OK) {
                break;
            }
            fi_buf_clear(&again);
            assert_int_equal(fi_tree_encode_entry(&again, &entry), FIRN_OK);
            assert_int_equal(again.size, before.size - rest.size);
            assert_memory_equal(again.data, before.data, again.size);
            accepted++;
        }
        encoded.data[at] = saved;
    }
    assert_true(accepted > encoded.size);
    for (size_t size = 0; size < encoded.size; size++) {
        firn_slice rest = firn_bytes(encoded.data, size);
        struct fi_tree_entry entry;
        int rc = FIRN_OK;
        while (rc == FIRN_OK && rest.size > 0) {
            rc = fi_tree_decode_entry(&rest, &entry, NULL);
        }
        assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT);
    }
    fi_buf_deinit(&encoded);
    fi_buf_deinit(&again);
}

/* Builds the bytes of an entry whose name was not checked. */
static int
decode_with_name(firn_slice name)
{
    struct fi_buf encoded = {0};
    struct fi_tree_entry good = file_entry("x", 1);
    struct fi_buf good_bytes = {0};
    assert_int_equal(fi_tree_encode_entry(&good_bytes, &good), FIRN_OK);
    assert_int_equal(fi_buf_append_varint(&encoded, name.size), FIRN_OK);
    assert_int_equal(fi_buf_append_slice(&encoded, name), FIRN_OK);
    assert_int_equal(fi_buf_append(&encoded, good_bytes.data + 2, good_bytes.size - 2), FIRN_OK);
    firn_slice rest = fi_buf_slice(&encoded);
    struct fi_tree_entry entry;
    int rc = fi_tree_decode_entry(&rest, &entry, NULL);
    fi_buf_deinit(&encoded);
    fi_buf_deinit(&good_bytes);
    return rc;
}

static void
hostile_names_are_refused(void **state)
{
    char longest[256];
    memset(longest, 'n', sizeof longest);
    assert_int_equal(decode_with_name(firn_str("good")), FIRN_OK);
    assert_int_equal(decode_with_name(firn_bytes(longest, 255)), FIRN_OK);
    assert_int_equal(decode_with_name(firn_bytes(longest, 256)), FIRN_CORRUPT);
    const char *bad[] = {"", ".", "..", "a/b", "/", "../evil", "/etc/evil"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(decode_with_name(firn_str(bad[i])), FIRN_CORRUPT);
    }
    assert_int_equal(decode_with_name(firn_bytes("a\0b", 3)), FIRN_CORRUPT);
    assert_int_equal(decode_with_name(firn_str("...")), FIRN_OK);
}

static void
an_unknown_field_is_newer_not_corrupt(void **state)
{
    struct fi_buf encoded = {0};
    struct fi_tree_entry entry = file_entry("x", 1);
    assert_int_equal(fi_tree_encode_entry(&encoded, &entry), FIRN_OK);
    encoded.data[encoded.size - 1] = 77;
    assert_int_equal(fi_buf_append(&encoded, "\x01z\0", 3), FIRN_OK);
    firn_slice rest = fi_buf_slice(&encoded);
    firn_error err;
    assert_int_equal(fi_tree_decode_entry(&rest, &entry, &err), FIRN_NEWER);
    assert_non_null(strstr(err.text, "77"));
    fi_buf_deinit(&encoded);
}

/* ---- whole directories ---- */

static void
encode_many(struct fi_buf *out, size_t count, size_t changed)
{
    fi_buf_clear(out);
    for (size_t i = 0; i < count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "entry-%08zu.c", i);
        struct fi_tree_entry entry = file_entry(name, i == changed ? 999999999 : i);
        assert_int_equal(fi_tree_encode_entry(out, &entry), FIRN_OK);
    }
}

static size_t
count_entries(struct objects *objects, const firn_hash *hash)
{
    struct fi_tree_source source = {.read = read_object, .ctx = objects};
    struct fi_tree_iterator *iterator;
    firn_error err;
    assert_int_equal(fi_tree_iterator_create(&source, hash, &iterator, &err), FIRN_OK);
    size_t count = 0;
    for (;;) {
        const struct fi_tree_entry *entry;
        bool is_end;
        assert_int_equal(fi_tree_iterator_next(iterator, &entry, &is_end, &err), FIRN_OK);
        if (is_end) {
            break;
        }
        char name[32];
        (void)snprintf(name, sizeof name, "entry-%08zu.c", count);
        assert_true(fi_slice_equal(entry->name, firn_str(name)));
        count++;
    }
    fi_tree_iterator_destroy(iterator);
    return count;
}

static void
directories_of_any_size_are_read_back(void **state)
{
    struct fi_buf encoded = {0};
    const size_t counts[] = {0, 1, 2, 700, 1000, 5000, 20000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct objects *objects = objects_create();
        firn_hash hash;
        encode_many(&encoded, counts[i], SIZE_MAX);
        assert_int_equal(fi_tree_build(fi_buf_slice(&encoded), put_object, objects, &hash, NULL),
                         FIRN_OK);
        assert_int_equal(objects->count == 1, encoded.size <= 64 << 10);
        for (size_t k = 0; k < objects->count; k++) {
            assert_true(objects->bytes[k].size <= (64 << 10) + 2);
        }
        assert_int_equal(count_entries(objects, &hash), counts[i]);
        objects_deinit(objects);
    }
    fi_buf_deinit(&encoded);
}

static void
one_edit_in_a_huge_directory_changes_one_part(void **state)
{
    struct fi_buf encoded = {0};
    struct objects *objects = objects_create();
    firn_hash before;
    firn_hash after;
    encode_many(&encoded, 20000, SIZE_MAX);
    assert_int_equal(fi_tree_build(fi_buf_slice(&encoded), put_object, objects, &before, NULL),
                     FIRN_OK);
    assert_true(objects->count > 20);
    encode_many(&encoded, 20000, 12345);
    objects->added = 0;
    assert_int_equal(fi_tree_build(fi_buf_slice(&encoded), put_object, objects, &after, NULL),
                     FIRN_OK);
    assert_int_equal(objects->added, 2); /* the part, and the index */
    assert_false(fi_hash_equal(&before, &after));
    objects_deinit(objects);
    fi_buf_deinit(&encoded);
}

static int
walk_all(struct objects *objects, const firn_hash *hash, firn_error *err)
{
    struct fi_tree_source source = {.read = read_object, .ctx = objects};
    struct fi_tree_iterator *iterator;
    int rc = fi_tree_iterator_create(&source, hash, &iterator, err);
    bool is_end = false;
    while (rc == FIRN_OK && !is_end) {
        const struct fi_tree_entry *entry;
        rc = fi_tree_iterator_next(iterator, &entry, &is_end, err);
    }
    fi_tree_iterator_destroy(iterator);
    return rc;
}

/* ---- two directories, of which equal parts are passed ---- */

enum { PAIR_MAX = 30000 };

/* The versions of numbered entries: 0 is not there. */
struct pair {
    uint8_t versions[2][PAIR_MAX];
    size_t count;
    unsigned name_size;
};

static void
build_side(struct objects *objects, const struct pair *pair, size_t side, firn_hash *out)
{
    struct fi_buf encoded = {0};
    for (size_t i = 0; i < pair->count; i++) {
        char name[256];
        const int size = (int)pair->name_size;
        (void)snprintf(name, sizeof name, "%0*zu", size, i);
        struct fi_tree_entry entry = file_entry(name, pair->versions[side][i]);
        if (pair->versions[side][i] != 0) {
            assert_int_equal(fi_tree_encode_entry(&encoded, &entry), FIRN_OK);
        }
    }
    assert_int_equal(fi_tree_build(fi_buf_slice(&encoded), put_object, objects, out, NULL),
                     FIRN_OK);
    fi_buf_deinit(&encoded);
}

/* What a side of a walk stands at. */
struct place {
    struct fi_tree_iterator *iterator;
    const struct fi_tree_entry *entry;
};

static size_t
number_of(const struct place *place)
{
    char text[256];
    if (place->entry == NULL) {
        return SIZE_MAX;
    }
    memcpy(text, place->entry->name.data, place->entry->name.size);
    text[place->entry->name.size] = '\0';
    return (size_t)strtoull(text, NULL, 10);
}

static void
move_on(struct place *places, bool first, bool second)
{
    firn_error err;
    bool is_end;
    if (first && second) {
        assert_int_equal(fi_tree_iterator_pass_equal(places[0].iterator, places[1].iterator, &err),
                         FIRN_OK);
    }
    for (size_t i = 0; i < 2; i++) {
        if (i == 0 ? first : second) {
            assert_int_equal(
                fi_tree_iterator_next(places[i].iterator, &places[i].entry, &is_end, &err),
                FIRN_OK);
        }
    }
}

/* Walks both sides: each difference is met, in order. */
static void
walk_pair(struct objects *objects, const struct pair *pair, const firn_hash hashes[2])
{
    struct fi_tree_source source = {.read = read_object, .ctx = objects};
    struct place places[2] = {{.entry = NULL}, {.entry = NULL}};
    size_t expected = 0; /* all below it were met, or are the same */
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(fi_tree_iterator_create(&source, &hashes[i], &places[i].iterator, NULL),
                         FIRN_OK);
    }
    for (move_on(places, true, true); places[0].entry != NULL || places[1].entry != NULL;) {
        const size_t numbers[2] = {number_of(&places[0]), number_of(&places[1])};
        const size_t met = numbers[0] < numbers[1] ? numbers[0] : numbers[1];
        for (; expected < met; expected++) {
            assert_int_equal(pair->versions[0][expected], pair->versions[1][expected]);
        }
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(pair->versions[i][met], numbers[i] == met ? places[i].entry->size : 0);
        }
        expected = met + 1;
        move_on(places, numbers[0] == met, numbers[1] == met);
    }
    for (; expected < pair->count; expected++) {
        assert_int_equal(pair->versions[0][expected], pair->versions[1][expected]);
    }
    fi_tree_iterator_destroy(places[0].iterator);
    fi_tree_iterator_destroy(places[1].iterator);
}

static void
equal_parts_of_two_directories_are_passed(void **state)
{
    struct test_random random;
    struct pair *pair = fi_alloc(sizeof *pair);
    assert_non_null(pair);
    test_random_init(&random, "pairs", 12);
    for (size_t round = 0; round < 24; round++) {
        struct objects *objects = objects_create();
        firn_hash hashes[2];
        const bool has_levels = round % 8 == 0; /* an index above the index */
        const size_t edits = round % 4 == 3 ? 200 : round % 4;
        pair->name_size = has_levels ? 250 : 12;
        pair->count = has_levels ? PAIR_MAX : 1 + test_random_below(&random, 9000);
        for (size_t i = 0; i < pair->count; i++) {
            pair->versions[0][i] = (uint8_t)(test_random_below(&random, 20) == 0 ? 0 : 1 + i % 200);
        }
        memcpy(pair->versions[1], pair->versions[0], pair->count);
        for (size_t i = 0; i < edits; i++) {
            /* Some beside others, so that parts have other ends. */
            const size_t at = test_random_below(&random, pair->count);
            const size_t side = test_random_below(&random, 2);
            for (size_t k = at; k < pair->count && k < at + test_random_below(&random, 300); k++) {
                pair->versions[side][k] = (uint8_t)test_random_below(&random, 3);
            }
        }
        build_side(objects, pair, 0, &hashes[0]);
        build_side(objects, pair, 1, &hashes[1]);
        walk_pair(objects, pair, hashes);
        /* An edit leads to the indexes, and to no more than the parts that it is in. */
        assert_true(edits != 0 || objects->reads == 2);
        assert_true(!has_levels || objects->count > 100);
        assert_true(edits > 2 || objects->reads <= 2 * 3 + edits * 2 * 6);
        objects_deinit(objects);
    }
    fi_free(pair);
}

/* Walks both sides, which may be damaged; *out_sum is of the names and sizes that differ. */
static int
compare_pair(struct objects *objects, const firn_hash hashes[2], bool passes, uint64_t *out_sum)
{
    struct fi_tree_source source = {.read = read_object, .ctx = objects};
    struct place places[2] = {{.entry = NULL}, {.entry = NULL}};
    bool goes[2] = {true, true};
    firn_error err;
    bool is_end;
    int rc = FIRN_OK;
    *out_sum = 0;
    for (size_t i = 0; rc == FIRN_OK && i < 2; i++) {
        rc = fi_tree_iterator_create(&source, &hashes[i], &places[i].iterator, &err);
    }
    while (rc == FIRN_OK) {
        if (passes && goes[0] && goes[1]) {
            rc = fi_tree_iterator_pass_equal(places[0].iterator, places[1].iterator, &err);
        }
        for (size_t i = 0; rc == FIRN_OK && i < 2; i++) {
            rc = goes[i]
                     ? fi_tree_iterator_next(places[i].iterator, &places[i].entry, &is_end, &err)
                     : FIRN_OK;
        }
        const struct fi_tree_entry *first = places[0].entry;
        const struct fi_tree_entry *second = places[1].entry;
        if (rc != FIRN_OK || (first == NULL && second == NULL)) {
            break;
        }
        const int order = first == NULL    ? 1
                          : second == NULL ? -1
                                           : fi_slice_compare(first->name, second->name);
        goes[0] = order <= 0;
        goes[1] = order >= 0;
        for (size_t i = 0; i < 2; i++) {
            if (goes[i] && (order != 0 || first->size != second->size)) {
                firn_hash hash;
                const struct fi_tree_entry *entry = places[i].entry;
                fi_blake3_hash_of(entry->name.data, entry->name.size, &hash);
                *out_sum = *out_sum * 31 + hash.bytes[0] + (uint64_t)hash.bytes[1] * 256 + i;
                *out_sum = *out_sum * 31 + entry->size;
            }
        }
    }
    fi_tree_iterator_destroy(places[0].iterator);
    fi_tree_iterator_destroy(places[1].iterator);
    return rc;
}

/* What only one side has is read and checked, whether equal parts are passed or not. */
static void
damage_in_parts_that_differ_is_found(void **state)
{
    struct test_random random;
    struct pair *pair = fi_alloc(sizeof *pair);
    struct objects *objects = objects_create();
    firn_hash hashes[2];
    uint64_t sums[3];
    size_t refused = 0;
    assert_non_null(pair);
    test_random_init(&random, "damaged pairs", 12);
    pair->name_size = 250;
    pair->count = PAIR_MAX;
    for (size_t i = 0; i < pair->count; i++) {
        pair->versions[0][i] = (uint8_t)(1 + i % 200);
        pair->versions[1][i] = (uint8_t)(i % 5000 == 4999 ? 201 : pair->versions[0][i]);
    }
    build_side(objects, pair, 0, &hashes[0]);
    const size_t others = objects->count;
    build_side(objects, pair, 1, &hashes[1]);
    assert_true(objects->count > others + 3);
    assert_int_equal(compare_pair(objects, hashes, false, &sums[0]), FIRN_OK);
    assert_int_equal(compare_pair(objects, hashes, true, &sums[1]), FIRN_OK);
    assert_true(sums[0] == sums[1] && sums[0] != 0);
    for (size_t round = 0; round < 60; round++) {
        const size_t which = others + (size_t)test_random_below(&random, objects->count - others);
        struct fi_buf *object = &objects->bytes[which];
        const size_t at = (size_t)test_random_below(&random, round % 4 == 0 ? 2 : object->size);
        const uint8_t old = object->data[at];
        const size_t size = object->size;
        object->data[at] = (uint8_t)(old ^ 1U << test_random_below(&random, 8));
        object->size = round % 8 == 1 ? at + 1 : size;
        const int whole = compare_pair(objects, hashes, false, &sums[1]);
        const int passed = compare_pair(objects, hashes, true, &sums[2]);
        assert_int_equal(whole == FIRN_OK, passed == FIRN_OK);
        assert_true(whole != FIRN_OK || sums[1] == sums[2]);
        refused += whole != FIRN_OK;
        object->data[at] = old;
        object->size = size;
    }
    assert_true(refused > 30);
    /* The last name of a part: what follows is the same on both sides. */
    for (size_t which = others; which < objects->count; which++) {
        struct fi_buf *object = &objects->bytes[which];
        size_t end = object->size;
        for (size_t digits = 0; end > 0 && digits < pair->name_size; end--) {
            digits = object->data[end - 1] >= '0' && object->data[end - 1] <= '9' ? digits + 1 : 0;
        }
        if (object->data[1] == 0) {
            object->data[end + pair->name_size - 1]++;
            assert_int_equal(compare_pair(objects, hashes, false, &sums[1]), FIRN_CORRUPT);
            assert_int_equal(compare_pair(objects, hashes, true, &sums[1]), FIRN_CORRUPT);
            object->data[end + pair->name_size - 1]--;
        }
    }
    objects_deinit(objects);
    fi_free(pair);
}

/* Objects whose bytes do not make sense, under names that are right: what a hostile store would
 * hold. */
static void
hostile_directories_are_refused(void **state)
{
    struct fi_buf a = {0};
    struct fi_buf b = {0};
    struct fi_tree_entry entry_a = file_entry("a", 1);
    struct fi_tree_entry entry_b = file_entry("b", 1);
    assert_int_equal(fi_tree_encode_entry(&a, &entry_a), FIRN_OK);
    assert_int_equal(fi_tree_encode_entry(&b, &entry_b), FIRN_OK);
    const struct {
        uint8_t format;
        uint8_t level;
        const struct fi_buf *first;
        const struct fi_buf *second;
        int expected;
    } cases[] = {
        {1, 0, &a, &b, FIRN_OK},      {1, 0, &b, &a, FIRN_CORRUPT}, {1, 0, &a, &a, FIRN_CORRUPT},
        {2, 0, &a, &b, FIRN_NEWER},   {1, 1, &a, &b, FIRN_CORRUPT}, {1, 200, &a, &b, FIRN_CORRUPT},
        {1, 8, &a, &b, FIRN_CORRUPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct objects *objects = objects_create();
        struct fi_buf object = {0};
        assert_int_equal(fi_buf_append_u8(&object, cases[i].format), FIRN_OK);
        assert_int_equal(fi_buf_append_u8(&object, cases[i].level), FIRN_OK);
        assert_int_equal(fi_buf_append_slice(&object, fi_buf_slice(cases[i].first)), FIRN_OK);
        assert_int_equal(fi_buf_append_slice(&object, fi_buf_slice(cases[i].second)), FIRN_OK);
        firn_hash hash;
        fi_blake3_hash_of(object.data, object.size, &hash);
        assert_int_equal(put_object(objects, &hash, fi_buf_slice(&object), NULL), FIRN_OK);
        firn_error err;
        assert_int_equal(walk_all(objects, &hash, &err), cases[i].expected);
        fi_buf_deinit(&object);
        objects_deinit(objects);
    }
    fi_buf_deinit(&a);
    fi_buf_deinit(&b);
}

static void
a_part_under_the_wrong_index_is_refused(void **state)
{
    struct fi_buf encoded = {0};
    struct objects *objects = objects_create();
    firn_hash root;
    encode_many(&encoded, 3000, SIZE_MAX);
    assert_int_equal(fi_tree_build(fi_buf_slice(&encoded), put_object, objects, &root, NULL),
                     FIRN_OK);
    firn_error err;
    assert_int_equal(walk_all(objects, &root, &err), FIRN_OK);
    /* Every byte of the index changed: the walk must fail, for the parts or their promised names
     * no longer fit. */
    struct fi_buf *index = &objects->bytes[objects->count - 1];
    for (size_t at = 0; at < index->size; at++) {
        index->data[at] ^= 1;
        assert_int_not_equal(walk_all(objects, &root, &err), FIRN_OK);
        index->data[at] ^= 1;
    }
    objects_deinit(objects);
    fi_buf_deinit(&encoded);
}

static void
building_survives_failed_allocations(void **state)
{
    test_alloc_install();
    struct fi_buf encoded = {0};
    encode_many(&encoded, 2000, SIZE_MAX);
    struct test_fault fault = {.for_ever = true, .limit = 1000};
    while (test_fault_next(&fault)) {
        struct objects *objects = objects_create();
        firn_hash hash;
        test_fault_allocation(&fault);
        int rc = fi_tree_build(fi_buf_slice(&encoded), put_object, objects, &hash, NULL);
        firn_error err;
        if (rc == FIRN_OK) {
            rc = walk_all(objects, &hash, &err);
        }
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        objects_deinit(objects);
    }
    fi_buf_deinit(&encoded);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* The bytes of format 1, for ever. */
static void
the_format_does_not_change(void **state)
{
    struct fi_buf encoded = {0};
    encode_all_kinds(&encoded);
    struct objects *objects = objects_create();
    firn_hash hash;
    char hex[FIRN_HASH_HEX_SIZE];
    assert_int_equal(fi_tree_build(fi_buf_slice(&encoded), put_object, objects, &hash, NULL),
                     FIRN_OK);
    fi_hex_encode(hash.bytes, sizeof hash.bytes, hex);
    assert_string_equal(hex, "bd850b72254a8efae5373108462e2e50480a6095f57ddc1c351567eec433242b");
    encode_many(&encoded, 20000, SIZE_MAX);
    assert_int_equal(fi_tree_build(fi_buf_slice(&encoded), put_object, objects, &hash, NULL),
                     FIRN_OK);
    fi_hex_encode(hash.bytes, sizeof hash.bytes, hex);
    assert_string_equal(hex, "311adbc9436e5604f3121bf2fc94ff1a11d7d4c4006daadce100f5cc6ca02624");
    objects_deinit(objects);
    fi_buf_deinit(&encoded);
}

/* ---- what a walk may cost (base/budget.h) ---- */

/* A directory that names another one `count` times, or has so many files if it is NULL. */
static firn_hash
put_copies(struct objects *objects, const firn_hash *below, unsigned count)
{
    struct fi_buf encoded = {0};
    firn_hash hash;
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%06u", i);
        struct fi_tree_entry entry = file_entry(name, 7);
        if (below != NULL) {
            entry.kind = FI_TREE_DIR;
            entry.size = 0;
            entry.hash = *below;
        }
        assert_int_equal(fi_tree_encode_entry(&encoded, &entry), FIRN_OK);
    }
    assert_int_equal(fi_tree_build(fi_buf_slice(&encoded), put_object, objects, &hash, NULL),
                     FIRN_OK);
    fi_buf_deinit(&encoded);
    return hash;
}

/* Walks all paths until the budget ends it. Returns the number of entries. */
static uint64_t
walk_paths(const struct fi_tree_source *source, const firn_hash *root, int *rc, firn_error *err)
{
    struct fi_tree_iterator *iterator;
    const struct fi_tree_entry *entry;
    bool is_end = false;
    uint64_t count = 0;
    *rc = fi_tree_iterator_create(source, root, &iterator, err);
    while (*rc == FIRN_OK) {
        *rc = fi_tree_iterator_next(iterator, &entry, &is_end, err);
        if (*rc != FIRN_OK || is_end) {
            break;
        }
        count++;
        if (entry->kind == FI_TREE_DIR) {
            const firn_hash below = entry->hash;
            count += walk_paths(source, &below, rc, err);
        }
    }
    fi_tree_iterator_destroy(iterator);
    return count;
}

/* Forty directories, each of which names the next one twice: 2^40 paths. */
static void
a_walk_ends_with_its_budget(void **state)
{
    struct objects *objects = objects_create();
    struct fi_budget budget = {0};
    struct fi_tree_source source = {.read = read_object, .ctx = objects};
    firn_error err;
    int rc;
    firn_hash root = put_copies(objects, NULL, 1);
    for (int i = 0; i < 40; i++) {
        root = put_copies(objects, &root, 2);
    }
    source.budget = &budget;
    assert_int_equal(fi_budget_spend(&budget, FI_BUDGET_FREE - 1000 * FI_BUDGET_ENTRY, &err),
                     FIRN_OK);
    assert_int_equal(walk_paths(&source, &root, &rc, &err), 1000);
    assert_int_equal(rc, FIRN_LIMIT);
    assert_int_equal(budget.held, 0);
    /* It stays over, whatever is asked for, until it is renewed. */
    assert_int_equal(fi_budget_spend(&budget, 1, &err), FIRN_LIMIT);
    fi_budget_renew(&budget);
    assert_int_equal(fi_budget_spend(&budget, FI_BUDGET_FREE, &err), FIRN_OK);
    assert_int_equal(fi_budget_spend(&budget, 1, &err), FIRN_LIMIT);
    /* What is read earns more. */
    fi_budget_renew(&budget);
    fi_budget_earn(&budget, 1);
    assert_int_equal(fi_budget_spend(&budget, FI_BUDGET_FREE + FI_BUDGET_FOR_BYTE, &err), FIRN_OK);
    assert_int_equal(fi_budget_spend(&budget, UINT64_MAX, &err), FIRN_LIMIT);
    fi_budget_earn(&budget, UINT64_MAX / 2);
    assert_int_equal(fi_budget_spend(&budget, 1, &err), FIRN_OK);
    objects_deinit(objects);
}

/* As many entries as a command may visit elsewhere, of a few objects: what a store of one's own may have. */
static void
copies_of_a_directory_are_walked_without_a_budget(void **state)
{
    struct objects *objects = objects_create();
    const struct fi_tree_source source = {.read = read_object, .ctx = objects};
    firn_error err;
    int rc;
    const firn_hash below = put_copies(objects, NULL, 1000);
    const firn_hash root = put_copies(objects, &below, 300);
    assert_int_equal(walk_paths(&source, &root, &rc, &err), 300 + 300 * 1000);
    assert_int_equal(rc, FIRN_OK);
    objects_deinit(objects);
}

/* Directories in one another are in memory at the same time. */
static void
the_memory_of_a_walk_is_bounded(void **state)
{
    struct objects *objects = objects_create();
    struct fi_budget budget = {0};
    struct fi_tree_source source = {.read = read_object, .ctx = objects};
    firn_error err;
    int rc;
    struct fi_buf attributes = {0};
    static uint8_t value[1000 << 10];
    assert_int_equal(
        fi_tree_xattrs_append(&attributes, firn_str("user.a"), firn_bytes(value, sizeof value)),
        FIRN_OK);
    firn_hash root = put_copies(objects, NULL, 1);
    for (int i = 0; i < 40; i++) {
        struct fi_buf encoded = {0};
        struct fi_tree_entry entry = file_entry("a", 0);
        entry.kind = FI_TREE_DIR;
        entry.hash = root;
        entry.xattrs = fi_buf_slice(&attributes);
        assert_int_equal(fi_tree_encode_entry(&encoded, &entry), FIRN_OK);
        assert_int_equal(fi_tree_build(fi_buf_slice(&encoded), put_object, objects, &root, NULL),
                         FIRN_OK);
        fi_buf_deinit(&encoded);
    }
    source.budget = &budget;
    const uint64_t count = walk_paths(&source, &root, &rc, &err);
    assert_int_equal(rc, FIRN_LIMIT);
    assert_true(count <= FI_BUDGET_MEMORY_MAX / sizeof value);
    assert_int_equal(budget.held, 0);
    source.budget = NULL;
    assert_int_equal(walk_paths(&source, &root, &rc, &err), 41);
    assert_int_equal(rc, FIRN_OK);
    fi_buf_deinit(&attributes);
    objects_deinit(objects);
}

/* ---- links ---- */

enum { NAMES = 400 };

/* Names first, then as many links, which lead to names from both ends. The last leads to a file that differs. */
static firn_hash
put_links(struct objects *objects)
{
    struct fi_buf encoded = {0};
    firn_hash hash;
    for (unsigned i = 0; i < 2 * NAMES; i++) {
        char name[16];
        char first[16];
        const unsigned to = i % 2 == 0 ? (i - NAMES) / 2 : NAMES - 1 - (i - NAMES) / 2;
        const bool is_wrong = i == 2 * NAMES - 1;
        (void)snprintf(name, sizeof name, "n%06u", i);
        (void)snprintf(first, sizeof first, "n%06u", to);
        struct fi_tree_entry entry = file_entry(name, i < NAMES ? i : to + is_wrong);
        entry.hard_link = i < NAMES ? firn_bytes(NULL, 0) : firn_str(first);
        assert_int_equal(fi_tree_encode_entry(&encoded, &entry), FIRN_OK);
    }
    assert_int_equal(fi_tree_build(fi_buf_slice(&encoded), put_object, objects, &hash, NULL),
                     FIRN_OK);
    fi_buf_deinit(&encoded);
    return hash;
}

static void
links_that_jump_are_checked_as_others(void **state)
{
    struct objects *objects = objects_create();
    const struct fi_tree_source source = {.read = read_object, .ctx = objects};
    const firn_hash root = put_links(objects);
    struct fi_tree_iterator *iterator;
    const struct fi_tree_entry *entry;
    struct fi_tree_lookup lookup;
    firn_error err;
    bool is_end;
    unsigned sound = 0;
    unsigned wrong = 0;
    fi_tree_lookup_init(&lookup, &source, &root);
    objects->reads = 0;
    assert_int_equal(fi_tree_iterator_create(&source, &root, &iterator, &err), FIRN_OK);
    for (;;) {
        assert_int_equal(fi_tree_iterator_next(iterator, &entry, &is_end, &err), FIRN_OK);
        if (is_end) {
            break;
        }
        if (entry->hard_link.size > 0) {
            const int rc = fi_tree_lookup_check_link(&lookup, entry->name, entry, &err);
            assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT);
            sound += rc == FIRN_OK;
            wrong += rc == FIRN_CORRUPT;
        }
    }
    assert_int_equal(sound, NAMES - 1);
    assert_int_equal(wrong, 1);
    assert_true(objects->reads < NAMES); /* not one reading for each link */
    fi_tree_iterator_destroy(iterator);
    fi_tree_lookup_deinit(&lookup);
    objects_deinit(objects);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_of_every_kind_round_trip),
        cmocka_unit_test(decoding_accepts_one_form_only),
        cmocka_unit_test(hostile_names_are_refused),
        cmocka_unit_test(an_unknown_field_is_newer_not_corrupt),
        cmocka_unit_test(directories_of_any_size_are_read_back),
        cmocka_unit_test(one_edit_in_a_huge_directory_changes_one_part),
        cmocka_unit_test(equal_parts_of_two_directories_are_passed),
        cmocka_unit_test(damage_in_parts_that_differ_is_found),
        cmocka_unit_test(hostile_directories_are_refused),
        cmocka_unit_test(a_part_under_the_wrong_index_is_refused),
        cmocka_unit_test(building_survives_failed_allocations),
        cmocka_unit_test(the_format_does_not_change),
        cmocka_unit_test(a_walk_ends_with_its_budget),
        cmocka_unit_test(copies_of_a_directory_are_walked_without_a_budget),
        cmocka_unit_test(the_memory_of_a_walk_is_bounded),
        cmocka_unit_test(links_that_jump_are_checked_as_others),
    };
    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
