/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/history: lines of history: random checkpoints, restores and deletions against sets of
 * sequences kept one by one; the same through their bytes; and bytes that nobody wrote.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "history/history.h"
#include "history/history_format.h"
#include "support/store/db_support.h"
#include "support/test_random.h"

enum { SEQUENCES = 300, CHECKPOINTS = 60 };

/* What each sees, sequence by sequence. */
struct seen {
    bool of[SEQUENCES + 1];
};
struct model_checkpoint {
    bool is_there;
    uint8_t id[FI_HISTORY_ID_SIZE];
    uint64_t sequence;
    struct seen seen;
};
struct model {
    uint64_t sequence; /* of the last commit or change */
    struct seen now;
    struct model_checkpoint checkpoints[CHECKPOINTS];
    size_t count;
};

static void
make_id(uint64_t number, uint8_t out[FI_HISTORY_ID_SIZE])
{
    memset(out, 0, FI_HISTORY_ID_SIZE);
    out[3] = (uint8_t)(number >> 8);
    out[7] = (uint8_t)number;
}

static void
add_checkpoint(struct model *model, const struct seen *seen, uint64_t sequence)
{
    struct model_checkpoint *added = &model->checkpoints[model->count];
    added->is_there = true;
    added->sequence = sequence;
    added->seen = *seen;
    make_id(model->count++, added->id);
}

static void
make_change(struct fi_history *history, const struct fi_history_record *record)
{
    firn_error err;
    struct fi_buf bytes = {0};
    struct fi_history_record read;
    struct fi_history_change change;
    const char *what = NULL;
    /* As the log would bring it. */
    assert_int_equal(fi_history_format_put_record(record, &bytes), FIRN_OK);
    assert_int_equal(fi_history_format_get_record(fi_buf_slice(&bytes), &read, &what), FIRN_OK);
    DB_OK(fi_history_prepare(history, &read, &change, &err));
    fi_history_discard(&change);
    DB_OK(fi_history_prepare(history, &read, &change, &err));
    fi_history_apply(history, &change);
    fi_buf_deinit(&bytes);
}

static void
change_both(struct test_random *random, struct fi_history *history, struct model *model)
{
    struct fi_history_record record = {.sequence = ++model->sequence, .created_ns = -5};
    size_t at = model->count == 0 ? 0 : test_random_below(random, model->count);
    const struct model_checkpoint *chosen = &model->checkpoints[at];
    model->now.of[model->sequence] = true;
    unsigned dice = (unsigned)test_random_below(random, 10);
    if (dice < 4 || model->count == 0 || !chosen->is_there) {
        char name[24];
        (void)snprintf(name, sizeof name, "n%zu", model->count);
        record.kind = FI_HISTORY_CREATE;
        record.name = dice == 0 ? firn_str("") : firn_str(name);
        make_id(model->count, record.id);
        add_checkpoint(model, &model->now, model->sequence);
        make_change(history, &record);
    } else if (dice < 8) {
        struct seen before = model->now;
        before.of[model->sequence] = false;
        record.kind = FI_HISTORY_RESTORE;
        memcpy(record.id, chosen->id, sizeof record.id);
        make_id(model->count, record.safety);
        model->now = chosen->seen;
        model->now.of[model->sequence] = true;
        add_checkpoint(model, &before, model->sequence - 1);
        make_change(history, &record);
    } else {
        record.kind = FI_HISTORY_DELETE;
        record.deleted = chosen->id;
        record.deleted_count = 1;
        model->checkpoints[at].is_there = false;
        make_change(history, &record);
    }
}

static void
assert_sees(const struct fi_snapshot *snapshot, const struct seen *seen, uint64_t sequence_max)
{
    for (size_t i = 0; i < snapshot->count; i++) {
        struct fi_snapshot_interval interval = fi_snapshot_at(snapshot, i);
        assert_true(interval.first <= interval.last);
        assert_true(i == 0 || interval.first > fi_snapshot_at(snapshot, i - 1).last + 1);
    }
    for (uint64_t i = 1; i <= sequence_max; i++) {
        assert_int_equal(fi_snapshot_sees(snapshot, i), seen->of[i]);
    }
}

static void
assert_same(struct fi_history *history, const struct model *model)
{
    struct fi_snapshot now = fi_history_snapshot(history->now, model->sequence);
    assert_sees(&now, &model->now, SEQUENCES);
    size_t count = 0;
    firn_error err;
    for (size_t i = 0; i < model->count; i++) {
        const struct model_checkpoint *expected = &model->checkpoints[i];
        const struct fi_db_checkpoint *found = fi_history_find(history, expected->id);
        assert_int_equal(found != NULL, expected->is_there);
        if (found != NULL) {
            assert_int_equal(found->sequence, expected->sequence);
            assert_int_equal(found->created_ns, -5);
            DB_OK(fi_history_ref(found->line, &err));
            struct fi_snapshot snapshot = fi_history_snapshot(found->line, found->sequence);
            assert_sees(&snapshot, &expected->seen, SEQUENCES);
            fi_history_unref(history, found->line);
            count++;
        }
    }
    assert_int_equal(fi_history_count(history), count);
}

static void
assert_bytes_tell_all(struct fi_history *history, const struct model *model)
{
    firn_error err;
    struct fi_buf bytes = {0};
    struct fi_buf again = {0};
    struct fi_history read = {0};
    assert_int_equal(fi_history_format_put(history, &bytes), FIRN_OK);
    DB_OK(fi_history_format_get(fi_buf_slice(&bytes), &read, &err));
    assert_same(&read, model);
    assert_int_equal(read.next_number, history->next_number);
    assert_int_equal(read.has_undo, history->has_undo);
    assert_memory_equal(read.undo, history->undo, sizeof read.undo);
    assert_int_equal(read.saved_sequence, history->sequence);
    assert_int_equal(fi_history_format_put(&read, &again), FIRN_OK);
    assert_true(fi_slice_equal(fi_buf_slice(&bytes), fi_buf_slice(&again)));
    fi_history_deinit(&read);
    fi_buf_deinit(&bytes);
    fi_buf_deinit(&again);
}

/* ---- version 1 ---- */

static void
put_old_line(const struct fi_db_line *line, const struct fi_snapshot *before,
             const struct fi_snapshot *snapshot, struct fi_buf *out)
{
    size_t common = 0;
    while (common + 1 < before->count && common + 1 < snapshot->count &&
           before->intervals[common].first == snapshot->intervals[common].first &&
           before->intervals[common].last == snapshot->intervals[common].last) {
        common++;
    }
    assert_int_equal(fi_buf_append_varint(out, line->begin), FIRN_OK);
    assert_int_equal(fi_buf_append_varint(out, common), FIRN_OK);
    assert_int_equal(fi_buf_append_varint(out, snapshot->count - common), FIRN_OK);
    for (size_t i = common; i < snapshot->count; i++) {
        const struct fi_snapshot_interval *interval = &snapshot->intervals[i];
        uint64_t end = i == 0 ? 0 : snapshot->intervals[i - 1].last;
        uint64_t length = i + 1 == snapshot->count ? 0 : interval->last - interval->first + 1;
        assert_int_equal(fi_buf_append_varint(out, interval->first - end), FIRN_OK);
        assert_int_equal(fi_buf_append_varint(out, length), FIRN_OK);
    }
}

/* The lines that something stands on, as firn wrote them before lines had parents. */
static void
put_old_lines(struct fi_history *history, struct fi_buf *out)
{
    firn_error err;
    struct fi_buf lines = {0};
    struct fi_snapshot before = {0};
    uint64_t count = 0;
    for (size_t i = 0; i < fi_history_line_count(history); i++) {
        struct fi_db_line *line = fi_history_line(history, i);
        line->index = count;
        if (line->checkpoints > 0 || line == history->now) {
            DB_OK(fi_history_ref(line, &err)); /* for ever */
            struct fi_snapshot snapshot = fi_history_snapshot(line, UINT64_MAX);
            put_old_line(line, &before, &snapshot, &lines);
            before = snapshot;
            count++;
        }
    }
    assert_int_equal(fi_buf_append_varint(out, count), FIRN_OK);
    assert_int_equal(fi_buf_append_slice(out, fi_buf_slice(&lines)), FIRN_OK);
    assert_int_equal(fi_buf_append_varint(out, history->now->index), FIRN_OK);
    fi_buf_deinit(&lines);
}

static void
put_old_history(struct fi_history *history, struct fi_buf *out)
{
    assert_int_equal(fi_buf_append_u8(out, 1), FIRN_OK);
    assert_int_equal(fi_buf_append_le64(out, history->sequence), FIRN_OK);
    assert_int_equal(fi_buf_append_u8(out, history->has_undo), FIRN_OK);
    assert_int_equal(fi_buf_append(out, history->undo, sizeof history->undo), FIRN_OK);
    assert_int_equal(fi_buf_append_varint(out, history->next_number), FIRN_OK);
    put_old_lines(history, out);
    assert_int_equal(fi_buf_append_varint(out, fi_history_count(history)), FIRN_OK);
    for (size_t i = 0; i < fi_history_count(history); i++) {
        const struct fi_db_checkpoint *checkpoint = fi_history_at(history, i);
        const struct fi_db_line *line = checkpoint->line;
        assert_int_equal(fi_buf_append(out, checkpoint->id, sizeof checkpoint->id), FIRN_OK);
        assert_int_equal(fi_buf_append_varint(out, checkpoint->number), FIRN_OK);
        assert_int_equal(fi_buf_append_le64(out, (uint64_t)checkpoint->created_ns), FIRN_OK);
        assert_int_equal(fi_buf_append_varint(out, line->index), FIRN_OK);
        assert_int_equal(fi_buf_append_varint(out, checkpoint->sequence - line->begin), FIRN_OK);
        if (fi_history_is_safety(checkpoint)) {
            assert_int_equal(fi_buf_append(out, checkpoint->restored, 16), FIRN_OK);
        }
        size_t size = strlen(checkpoint->name);
        assert_int_equal(fi_buf_append_varint(out, size), FIRN_OK);
        assert_int_equal(fi_buf_append(out, checkpoint->name, size), FIRN_OK);
    }
}

static void
assert_old_bytes_tell_all(struct fi_history *history, const struct model *model)
{
    firn_error err;
    struct fi_buf bytes = {0};
    struct fi_history copy = {0};
    struct fi_history read = {0};
    assert_int_equal(fi_history_format_put(history, &bytes), FIRN_OK);
    DB_OK(fi_history_format_get(fi_buf_slice(&bytes), &copy, &err));
    fi_buf_clear(&bytes);
    put_old_history(&copy, &bytes);
    DB_OK(fi_history_format_get(fi_buf_slice(&bytes), &read, &err));
    assert_same(&read, model);
    assert_bytes_tell_all(&read, model);
    fi_history_deinit(&copy);
    fi_history_deinit(&read);
    fi_buf_deinit(&bytes);
}

static void
random_histories_see_what_they_should(void **state)
{
    struct test_random random;
    test_random_init(&random, "db_history", 1);
    for (int round = 0; round < 60; round++) {
        firn_error err;
        struct fi_history history;
        struct model *model = calloc(1, sizeof *model);
        assert_non_null(model);
        DB_OK(fi_history_init(&history, &err));
        while (model->count < CHECKPOINTS && model->sequence < SEQUENCES) {
            if (test_random_below(&random, 2) == 0) {
                model->now.of[++model->sequence] = true; /* a commit */
            } else {
                change_both(&random, &history, model);
            }
            if (test_random_below(&random, 4) == 0) {
                assert_same(&history, model);
                assert_bytes_tell_all(&history, model);
                assert_old_bytes_tell_all(&history, model);
            }
        }
        fi_history_deinit(&history);
        free(model);
    }
}

/* n restores, each of something that was made after the one before. */
static void
make_chain(struct fi_history *history, uint64_t n)
{
    firn_error err;
    uint64_t sequence = 0;
    DB_OK(fi_history_init(history, &err));
    for (uint64_t i = 0; i < n; i++) {
        struct fi_history_record record = {.kind = FI_HISTORY_CREATE};
        sequence += 3;
        record.sequence = ++sequence;
        make_id(2 * i, record.id);
        make_change(history, &record);
        sequence += 5;
        record.kind = FI_HISTORY_RESTORE;
        record.sequence = ++sequence;
        make_id(2 * i + 1, record.safety);
        make_change(history, &record);
    }
}

static void
a_thousand_restores_take_a_few_bytes_each(void **state)
{
    firn_error err;
    struct fi_history history;
    struct fi_history read = {0};
    struct fi_buf bytes = {0};
    make_chain(&history, 1000);
    const struct fi_db_intervals *now = history.now->intervals;
    assert_int_equal(now->count, 1001);
    assert_int_equal(fi_history_format_put(&history, &bytes), FIRN_OK);
    assert_true(bytes.size < 2000 * 80);
    DB_OK(fi_history_format_get(fi_buf_slice(&bytes), &read, &err));
    assert_int_equal(read.now->count, 1001);
    assert_memory_equal(now->intervals, read.now->intervals->intervals,
                        now->count * sizeof now->intervals[0]);
    fi_history_deinit(&read);
    fi_history_deinit(&history);
    fi_buf_deinit(&bytes);
}

/* All lines together have more than 2^24 intervals. */
static void
what_six_thousand_restores_have_made_is_read_again(void **state)
{
    firn_error err;
    struct fi_history history;
    struct fi_history read = {0};
    struct fi_buf bytes = {0};
    make_chain(&history, 6000);
    assert_int_equal(fi_history_format_put(&history, &bytes), FIRN_OK);
    DB_OK(fi_history_format_get(fi_buf_slice(&bytes), &read, &err));
    assert_int_equal(read.now->count, 6001);
    fi_history_deinit(&read);
    fi_history_deinit(&history);
    fi_buf_deinit(&bytes);
}

/* Two branches that are both deep, and go on in turns: nothing in common with the line before. */
static void
branches_in_turns_take_a_few_bytes_each(void **state)
{
    enum { TURNS = 2000 };
    firn_error err;
    struct fi_history history;
    struct fi_history read = {0};
    struct fi_buf bytes = {0};
    uint64_t sequence = 1;
    DB_OK(fi_history_init(&history, &err));
    for (uint64_t i = 0; i < TURNS; i++) {
        struct fi_history_record record = {.kind = FI_HISTORY_CREATE};
        record.sequence = ++sequence;
        make_id(2 * i, record.id);
        make_change(&history, &record);
        sequence += 5;
        record.kind = FI_HISTORY_RESTORE;
        record.sequence = ++sequence;
        make_id(2 * (i == 0 ? 0 : i - 1), record.id);
        make_id(2 * i + 1, record.safety);
        make_change(&history, &record);
    }
    assert_true(history.now->count > TURNS / 3);
    assert_int_equal(fi_history_format_put(&history, &bytes), FIRN_OK);
    assert_true(bytes.size < (size_t)2 * TURNS * 80);
    DB_OK(fi_history_format_get(fi_buf_slice(&bytes), &read, &err));
    assert_int_equal(read.now->count, history.now->count);
    /* Only now has its intervals in memory. */
    size_t made = 0;
    for (size_t i = 0; i < fi_history_line_count(&history); i++) {
        made += fi_history_line(&history, i)->intervals != NULL;
    }
    assert_int_equal(made, 1);
    fi_history_deinit(&read);
    fi_history_deinit(&history);
    fi_buf_deinit(&bytes);
}

/* Restores of what was just made, again and again, and nothing kept: one interval, one line. */
static void
lines_that_nothing_needs_go(void **state)
{
    firn_error err;
    struct fi_history history;
    uint64_t sequence = 0;
    DB_OK(fi_history_init(&history, &err));
    for (uint64_t i = 0; i < 500; i++) {
        struct fi_history_record record = {.kind = FI_HISTORY_CREATE};
        uint8_t ids[2 * FI_HISTORY_ID_SIZE];
        record.sequence = ++sequence;
        make_id(2 * i, record.id);
        make_change(&history, &record);
        record.kind = FI_HISTORY_RESTORE;
        record.sequence = ++sequence;
        make_id(2 * i + 1, record.safety);
        make_change(&history, &record);
        memcpy(ids, record.id, sizeof record.id);
        memcpy(ids + sizeof record.id, record.safety, sizeof record.safety);
        record = (struct fi_history_record){
            .kind = FI_HISTORY_DELETE, .sequence = ++sequence, .deleted = ids, .deleted_count = 2};
        make_change(&history, &record);
    }
    assert_int_equal(history.now->count, 1);
    assert_true(fi_history_line_count(&history) <= 2);
    fi_history_deinit(&history);
}

static void
assert_refused(const struct fi_history *history)
{
    firn_error err;
    struct fi_history read = {0};
    struct fi_buf bytes = {0};
    assert_int_equal(fi_history_format_put(history, &bytes), FIRN_OK);
    assert_int_equal(fi_history_format_get(fi_buf_slice(&bytes), &read, &err), FIRN_CORRUPT);
    fi_history_deinit(&read);
    fi_buf_deinit(&bytes);
}

/* The trees of views in lsm/ rely on it. */
static void
what_would_be_the_own_of_two_lines_is_refused(void **state)
{
    struct fi_history history;
    make_chain(&history, 3);
    struct fi_db_checkpoint *last = fi_history_at(&history, fi_history_count(&history) - 1);
    last->sequence++; /* where now begins */
    assert_int_equal(last->sequence, history.now->first);
    assert_refused(&history);
    last->sequence--;
    struct fi_history_record record = {.kind = FI_HISTORY_RESTORE,
                                       .sequence = history.sequence + 1};
    make_id(0, record.id); /* on the first line */
    make_id(100, record.safety);
    make_change(&history, &record);
    history.now->fork = fi_history_line(&history, 1)->first;
    assert_refused(&history);
    fi_history_deinit(&history);
}

/* The sum of the parent's first and what lies above it is past the largest number. */
static void
a_fork_below_the_parent_is_refused(void **state)
{
    static const char text[] = "\2\11\0\0\0\0\0\0\0\0" /* version, sequence, flags */
                               "0123456789abcdef"
                               "\1\3"
                               "\1\0\0"
                               "\2\0\1\0"
                               "\2\0\1\376\377\377\377\377\377\377\377\377\1"
                               "\2\0";
    firn_error err;
    struct fi_history read = {0};
    assert_int_equal(
        fi_history_format_get(firn_bytes((const uint8_t *)text, sizeof text - 1), &read, &err),
        FIRN_CORRUPT);
    fi_history_deinit(&read);
}

static void
bytes_that_nobody_wrote_are_refused(void **state)
{
    firn_error err;
    struct fi_history history;
    struct fi_buf bytes = {0};
    struct fi_buf again = {0};
    make_chain(&history, 3);
    assert_int_equal(fi_history_format_put(&history, &bytes), FIRN_OK);
    for (size_t size = 0; size < bytes.size; size++) {
        struct fi_history read = {0};
        assert_int_equal(fi_history_format_get(firn_bytes(bytes.data, size), &read, &err),
                         FIRN_CORRUPT);
        fi_history_deinit(&read);
    }
    size_t accepted = 0;
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        struct fi_history read = {0};
        bytes.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        int rc = fi_history_format_get(fi_buf_slice(&bytes), &read, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER);
        if (rc == FIRN_OK) {
            /* An id, a time, a number: whatever it tells of is told again. */
            assert_int_equal(fi_history_format_put(&read, &again), FIRN_OK);
            accepted++;
        }
        fi_history_deinit(&read);
        bytes.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_true(accepted > 0 && accepted < 8 * bytes.size * 9 / 10);
    fi_buf_deinit(&bytes);
    fi_buf_deinit(&again);
    fi_history_deinit(&history);
}

#define ID "0123456789abcdef"
#define OTHER "fedcba9876543210"
#define TIME "\1\2\3\4\5\6\7\10"
#define SEQUENCE "\11\0\0\0\0\0\0\0"

static void
a_change_has_its_bytes(void **state)
{
    static const char expected[] = SEQUENCE "\0\2" ID OTHER TIME "\1" ID;
    struct fi_buf bytes = {0};
    struct fi_history_record record = {.sequence = 9,
                                       .kind = FI_HISTORY_RESTORE,
                                       .created_ns = INT64_C(0x0807060504030201),
                                       .deleted = (const uint8_t *)ID,
                                       .deleted_count = 1};
    memcpy(record.id, ID, sizeof record.id);
    memcpy(record.safety, OTHER, sizeof record.safety);
    assert_int_equal(fi_history_format_put_record(&record, &bytes), FIRN_OK);
    assert_int_equal(bytes.size, sizeof expected - 1);
    assert_memory_equal(bytes.data, expected, bytes.size);
    fi_buf_deinit(&bytes);
}

static void
changes_that_break_the_rules_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        int code;
    } cases[] = {
#define CASE(text, code) {(text), sizeof(text) - 1, (code)}
        CASE(SEQUENCE "\0\1" ID TIME "\0", FIRN_OK),
        CASE(SEQUENCE "\0\1" ID TIME "\4name", FIRN_OK),
        CASE(SEQUENCE "\0\2" ID OTHER TIME "\0", FIRN_OK),
        CASE(SEQUENCE "\0\3\2" ID OTHER, FIRN_OK),
        CASE("", FIRN_CORRUPT),
        CASE(SEQUENCE "\0", FIRN_CORRUPT),
        CASE("\0\0\0\0\0\0\0\0\0\1" ID TIME "\0", FIRN_CORRUPT),
        CASE("\377\377\377\377\377\377\377\377\0\1" ID TIME "\0", FIRN_CORRUPT),
        CASE(SEQUENCE "\1\1" ID TIME "\0", FIRN_NEWER),
        CASE(SEQUENCE "\0\0" ID TIME "\0", FIRN_NEWER),
        CASE(SEQUENCE "\0\4" ID TIME "\0", FIRN_NEWER),
        CASE(SEQUENCE "\0\1" ID TIME, FIRN_CORRUPT),
        CASE(SEQUENCE "\0\1" ID TIME "\5name", FIRN_CORRUPT),
        CASE(SEQUENCE "\0\1" ID TIME "\4name!", FIRN_CORRUPT),
        CASE(SEQUENCE "\0\1" ID TIME "\4na\0e", FIRN_CORRUPT),
        CASE(SEQUENCE "\0\1" ID TIME "\1\377", FIRN_CORRUPT),
        CASE(SEQUENCE "\0\2" ID OTHER TIME, FIRN_CORRUPT),
        CASE(SEQUENCE "\0\2" ID OTHER TIME "\1", FIRN_CORRUPT),
        CASE(SEQUENCE "\0\3\0", FIRN_CORRUPT),
        CASE(SEQUENCE "\0\3\2" ID, FIRN_CORRUPT),
        CASE(SEQUENCE "\0\3\1" ID OTHER, FIRN_CORRUPT),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fi_history_record record;
        const char *what = NULL;
        int rc =
            fi_history_format_get_record(firn_bytes(cases[i].bytes, cases[i].size), &record, &what);
        if (rc != cases[i].code) {
            (void)fprintf(stderr, "case %zu\n", i);
        }
        assert_int_equal(rc, cases[i].code);
        assert_int_equal(what != NULL, rc != FIRN_OK);
    }
}

static void
changes_that_do_not_fit_change_nothing(void **state)
{
    firn_error err;
    struct fi_history history;
    struct fi_history_change change;
    struct fi_history_record record = {
        .kind = FI_HISTORY_CREATE, .sequence = 2, .name = firn_str("n")};
    DB_OK(fi_history_init(&history, &err));
    make_change(&history, &record);
    record.sequence = 3;
    DB_FAILS(fi_history_prepare(&history, &record, &change, &err), FIRN_EXISTS, "id");
    record.id[0] = 1;
    DB_FAILS(fi_history_prepare(&history, &record, &change, &err), FIRN_EXISTS, "'n'");
    record.kind = FI_HISTORY_RESTORE;
    DB_FAILS(fi_history_prepare(&history, &record, &change, &err), FIRN_NOT_FOUND, "no such");
    record.id[0] = 0;
    DB_FAILS(fi_history_prepare(&history, &record, &change, &err), FIRN_EXISTS, "id");
    static const uint8_t twice[2 * FI_HISTORY_ID_SIZE] = {0};
    record.kind = FI_HISTORY_DELETE;
    record.deleted = twice;
    record.deleted_count = 2;
    DB_FAILS(fi_history_prepare(&history, &record, &change, &err), FIRN_INVALID, "twice");
    assert_int_equal(fi_history_count(&history), 1);
    assert_int_equal(history.sequence, 2);
    fi_history_deinit(&history);
}

/* ---- what checkpoints are called ---- */

static struct fi_history_record
creation_of(uint64_t i, uint64_t sequence, char name[32])
{
    struct fi_history_record record = {.sequence = sequence, .kind = FI_HISTORY_CREATE};
    make_id(i, record.id);
    record.id[12] = (uint8_t)(i >> 16);
    (void)snprintf(name, 32, "name-%llu", (unsigned long long)i);
    record.name = i % 3 == 0 ? firn_str(name) : firn_str("");
    return record;
}

/* Every one that is there is found by id, number, name and place, and none that is not. */
static void
check_calls(const struct fi_history *history, uint64_t count, const bool *is_there)
{
    size_t place = 0;
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < count; i++) {
        char name[32];
        const struct fi_history_record record = creation_of(i, i + 1, name);
        const struct fi_db_checkpoint *found = fi_history_find(history, record.id);
        assert_int_equal(found != NULL, is_there[i]);
        assert_ptr_equal(fi_history_find_number(history, i + 1), found);
        if (record.name.size > 0) {
            assert_ptr_equal(fi_history_find_name(history, record.name), found);
        }
        if (found != NULL) {
            assert_int_equal(found->number, i + 1);
            assert_int_equal(fi_history_find_place(history, found), place++);
            bytes += sizeof *found;
        }
    }
    assert_int_equal(place, fi_history_count(history));
    assert_null(fi_history_find_number(history, count + 1));
    assert_null(fi_history_find_name(history, firn_str("nobody")));
    assert_true(fi_history_memory_bytes(history) >= bytes);
    assert_true(fi_history_memory_bytes(history) <= 2 * bytes + 1000 + 100 * place);
}

static void
apply_record(struct fi_history *history, const struct fi_history_record *record)
{
    firn_error err;
    struct fi_history_change change;
    DB_OK(fi_history_prepare(history, record, &change, &err));
    fi_history_apply(history, &change);
}

static void
checkpoints_are_found_by_what_they_are_called(void **state)
{
    enum { COUNT = 3000 };
    static bool is_there[COUNT];
    firn_error err;
    struct fi_history history;
    struct fi_buf deleted = {0};
    uint64_t sequence = 0;
    DB_OK(fi_history_init(&history, &err));
    for (uint64_t i = 0; i < COUNT; i++) {
        char name[32];
        const struct fi_history_record record = creation_of(i, ++sequence, name);
        apply_record(&history, &record);
        is_there[i] = true;
    }
    check_calls(&history, COUNT, is_there);
    for (uint64_t i = 0; i < COUNT; i += 2) {
        char name[32];
        assert_int_equal(fi_buf_append(&deleted, creation_of(i, 0, name).id, FI_HISTORY_ID_SIZE),
                         FIRN_OK);
        is_there[i] = false;
    }
    struct fi_history_record record = {.sequence = ++sequence,
                                       .kind = FI_HISTORY_DELETE,
                                       .deleted = deleted.data,
                                       .deleted_count = COUNT / 2};
    apply_record(&history, &record);
    check_calls(&history, COUNT, is_there);
    /* What is gone, or named twice, is refused, and nothing has changed. */
    struct fi_history_change change;
    DB_FAILS(fi_history_prepare(&history, &record, &change, &err), FIRN_NOT_FOUND, "no such");
    char name[32];
    uint8_t twice[2 * FI_HISTORY_ID_SIZE];
    memcpy(twice, creation_of(1, 0, name).id, FI_HISTORY_ID_SIZE);
    memcpy(twice + FI_HISTORY_ID_SIZE, twice, FI_HISTORY_ID_SIZE);
    record.deleted = twice;
    record.deleted_count = 2;
    DB_FAILS(fi_history_prepare(&history, &record, &change, &err), FIRN_INVALID, "twice");
    check_calls(&history, COUNT, is_there);
    /* And from its bytes. */
    struct fi_buf bytes = {0};
    struct fi_history again;
    assert_int_equal(fi_history_format_put(&history, &bytes), FIRN_OK);
    again = (struct fi_history){0};
    DB_OK(fi_history_format_get(fi_buf_slice(&bytes), &again, &err));
    check_calls(&again, COUNT, is_there);
    fi_history_deinit(&again);
    fi_history_deinit(&history);
    fi_buf_deinit(&bytes);
    fi_buf_deinit(&deleted);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checkpoints_are_found_by_what_they_are_called),
        cmocka_unit_test(random_histories_see_what_they_should),
        cmocka_unit_test(a_thousand_restores_take_a_few_bytes_each),
        cmocka_unit_test(what_six_thousand_restores_have_made_is_read_again),
        cmocka_unit_test(branches_in_turns_take_a_few_bytes_each),
        cmocka_unit_test(lines_that_nothing_needs_go),
        cmocka_unit_test(what_would_be_the_own_of_two_lines_is_refused),
        cmocka_unit_test(a_fork_below_the_parent_is_refused),
        cmocka_unit_test(bytes_that_nobody_wrote_are_refused),
        cmocka_unit_test(a_change_has_its_bytes),
        cmocka_unit_test(changes_that_break_the_rules_are_refused),
        cmocka_unit_test(changes_that_do_not_fit_change_nothing),
    };
    return cmocka_run_group_tests_name("db_history", tests, NULL, NULL);
}
