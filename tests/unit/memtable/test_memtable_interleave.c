/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/memtable: every place in a reading at which a writer may come between, tried one by one. The readers' code is compiled
 * into this program with a hook at those places; at the n-th of them a writer adds many entries: leaves split, the
 * root grows, what all keys share shrinks. A reading must then answer as before the writer or as after it, and a walk must
 * meet everything that was there when it began.
 */

static void interleave(void);
#define FI_MEMTABLE_INTERLEAVE() interleave()

#include "../../../src/engine/memtable/memtable.c"
#include "../../../src/engine/memtable/memtable_cursor.c"
#include "support/test.h"

/* With few old entries the root is a leaf and grows, with many there are leaves enough to walk over. */
enum { FEW = 40, MANY = 300, NEW = 300, KEY_SIZE = 12 };

enum action { ADD_BETWEEN, ADD_AT_FRONT, ADD_AT_END, ADD_VERSIONS, ADD_STRANGERS, ACTIONS };

struct scene {
    struct fi_memtable *table;
    uint64_t old; /* entries that are there when the reading begins */
    uint64_t next_sequence;
    enum action action;
    uint64_t points;  /* passed so far */
    uint64_t fire_at; /* 0: never */
    bool is_in_action;
};

static struct scene scene;

/* Old keys are the even numbers from 1000 on; all begin alike. */
static firn_slice
number_key(uint64_t number, uint8_t out[KEY_SIZE])
{
    memcpy(out, "same", 4);
    fi_store_be64(out + 4, number);
    return firn_bytes(out, KEY_SIZE);
}

static uint64_t
number_of(firn_slice key)
{
    assert_int_equal(key.size, KEY_SIZE);
    return fi_load_be64(key.data + 4);
}

static uint64_t
old_number(size_t i)
{
    return 1000 + 2 * (uint64_t)i;
}

static void
add_key(firn_slice key)
{
    struct fi_entry entry = {.key = key,
                             .value = firn_bytes("v", 1),
                             .sequence = scene.next_sequence++,
                             .kind = FI_ENTRY_PUT};
    assert_int_equal(fi_memtable_add(scene.table, &entry, NULL), FIRN_OK);
}

static void
add_number(uint64_t number)
{
    uint8_t bytes[KEY_SIZE];
    add_key(number_key(number, bytes));
}

static void
act(void)
{
    for (uint64_t i = 0; i < NEW; i++) {
        switch (scene.action) {
        case ADD_BETWEEN: /* every leaf splits */
            add_number(old_number(i % scene.old) + 1);
            break;
        case ADD_AT_FRONT:
            add_number(999 - i);
            break;
        case ADD_AT_END:
            add_number(old_number(scene.old) + i);
            break;
        case ADD_VERSIONS:
            add_number(old_number(i * 7 % scene.old));
            break;
        default: { /* the first of these begins as no other key does */
            uint8_t bytes[2] = {(uint8_t)(i % 2 == 0 ? 'a' : 'z'), (uint8_t)i};
            add_key(firn_bytes(bytes, 2));
            break;
        }
        }
    }
}

static void
interleave(void)
{
    if (scene.is_in_action || ++scene.points != scene.fire_at) {
        return;
    }
    scene.is_in_action = true;
    act();
    scene.is_in_action = false;
}

static void
scene_init(uint64_t old, enum action action, uint64_t fire_at)
{
    scene = (struct scene){.old = old, .next_sequence = 1, .action = action};
    assert_int_equal(fi_memtable_create(&scene.table, NULL), FIRN_OK);
    for (size_t i = 0; i < old; i++) {
        add_number(old_number(i * 7 % old));
    }
    scene.points = 0;
    scene.fire_at = fire_at;
}

/* Whether the writer came; false ends the search for places. */
static bool
scene_deinit(void)
{
    fi_memtable_destroy(scene.table);
    return scene.points >= scene.fire_at;
}

/* ---- readings ---- */

static void
walk(bool is_back)
{
    struct fi_memtable_cursor cursor;
    fi_memtable_cursor_init(&cursor, scene.table);
    size_t met = 0;
    if (is_back) {
        fi_memtable_cursor_last(&cursor);
    } else {
        fi_memtable_cursor_first(&cursor);
    }
    while (cursor.is_valid) {
        if (cursor.entry.sequence <= scene.old) {
            assert_true(met < scene.old);
            assert_int_equal(number_of(cursor.entry.key),
                             old_number(is_back ? scene.old - 1 - met : met));
            met++;
        }
        if (is_back) {
            fi_memtable_cursor_prev(&cursor);
        } else {
            fi_memtable_cursor_next(&cursor);
        }
    }
    assert_int_equal(met, scene.old);
}

static void
look_up(size_t i)
{
    const struct fi_snapshot_interval old = {1, scene.old};
    struct fi_entry entry;
    uint8_t bytes[KEY_SIZE];
    firn_slice key = number_key(old_number(i), bytes);
    assert_true(fi_memtable_get(scene.table, key, &(struct fi_snapshot){&old, 1, 0, NULL}, &entry));
    assert_true(fi_slice_equal(entry.key, key));
    assert_true(entry.sequence <= scene.old);
}

/* From an old key on: it, or something new before it, is found. */
static void
seek_from(size_t i)
{
    struct fi_memtable_cursor cursor;
    uint8_t bytes[KEY_SIZE];
    uint64_t number = old_number(i);
    fi_memtable_cursor_init(&cursor, scene.table);
    fi_memtable_cursor_seek(&cursor, number_key(number - 1, bytes), UINT64_MAX);
    assert_true(cursor.is_valid);
    assert_true(number_of(cursor.entry.key) == number ||
                (number_of(cursor.entry.key) == number - 1 && cursor.entry.sequence > scene.old));
    fi_memtable_cursor_seek_before(&cursor, number_key(number + 1, bytes), UINT64_MAX);
    assert_true(cursor.is_valid);
    assert_int_equal(number_of(cursor.entry.key), number);
}

/* A key that begins as none of the old ones is before or after them all. */
static void
seek_strangers(size_t i)
{
    (void)i;
    struct fi_memtable_cursor cursor;
    fi_memtable_cursor_init(&cursor, scene.table);
    fi_memtable_cursor_seek(&cursor, firn_str("b"), UINT64_MAX);
    assert_true(cursor.is_valid);
    assert_int_equal(cursor.entry.key.size, KEY_SIZE);
    assert_true(number_of(cursor.entry.key) <= old_number(0));
    fi_memtable_cursor_seek_before(&cursor, firn_str("t"), UINT64_MAX);
    assert_true(cursor.is_valid);
    assert_int_equal(cursor.entry.key.size, KEY_SIZE);
    assert_true(number_of(cursor.entry.key) >= old_number(scene.old - 1));
}

static void
walks_meet_everything_wherever_a_writer_comes_between(void **state)
{
    for (enum action action = 0; action < ACTIONS; action++) {
        for (unsigned kind = 0; kind < 4; kind++) {
            uint64_t n = 1;
            do {
                scene_init(kind < 2 ? FEW : MANY, action, n++);
                walk(kind % 2 == 0);
            } while (scene_deinit());
            assert_true(n > scene.old);
        }
    }
}

static void
searches_answer_wherever_a_writer_comes_between(void **state)
{
    static void (*const readings[])(size_t i) = {look_up, seek_from, seek_strangers};
    for (enum action action = 0; action < ACTIONS; action++) {
        for (size_t reading = 0; reading < sizeof readings / sizeof *readings; reading++) {
            for (size_t i = 0; i < FEW + MANY; i += 9) {
                uint64_t n = 1;
                do {
                    scene_init(i < FEW ? FEW : MANY, action, n++);
                    readings[reading](i < FEW ? i : i - FEW);
                } while (scene_deinit());
                assert_true(n > 3);
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_meet_everything_wherever_a_writer_comes_between),
        cmocka_unit_test(searches_answer_wherever_a_writer_comes_between),
    };
    return cmocka_run_group_tests_name("memtable_interleave", tests, NULL, NULL);
}
