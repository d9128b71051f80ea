/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/version: MANIFEST: records to bytes and back, what they amount to, the log that keeps them.
 *
 * Golden files: FIRN_TEST_WRITE_GOLDEN=1 writes tests/formats/manifest/ anew from the edits below.
 */
#include "base/buf.h"
#include "lsm/lsm.h"
#include "manifest/manifest.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_file.h"
#include "support/test_os.h"

static struct fi_manifest_run
run_of(uint64_t number, uint8_t level, const char *lower, const char *upper)
{
    return (struct fi_manifest_run){
        .number = number,
        .level = level,
        .kind = 1,
        .file_bytes = 4096 + number,
        .entry_count = 100,
        .tombstone_count = 7,
        .range_count = 2,
        .older_count = 3,
        .content_bytes = 3000,
        .sequence_min = 10 * number,
        .sequence_max = 10 * number + 9,
        .snapshots = UINT64_C(0x0123456789abcdef),
        .lower = firn_str(lower),
        .upper = firn_str(upper),
    };
}

static void
assert_same_edit(const struct fi_manifest_edit *a, const struct fi_manifest_edit *b)
{
    struct fi_buf bytes_a = {0};
    struct fi_buf bytes_b = {0};
    assert_int_equal(fi_manifest_edit_encode(a, &bytes_a), FIRN_OK);
    assert_int_equal(fi_manifest_edit_encode(b, &bytes_b), FIRN_OK);
    assert_int_equal(bytes_a.size, bytes_b.size);
    assert_memory_equal(bytes_a.data, bytes_b.data, bytes_a.size);
    fi_buf_deinit(&bytes_a);
    fi_buf_deinit(&bytes_b);
}

static void
golden_records_are_read_and_written(void **state)
{
    const uint64_t removed[] = {3, 4};
    struct fi_manifest_run added[2];
    added[0] = run_of(5, 0, "", "apple");
    added[1] = run_of(6, 6, "banana", "cherry");
    const struct fi_manifest_tree trees[] = {
        {.id = 1,
         .kind = 1,
         .flushed = 69,
         .removed = removed,
         .removed_count = 2,
         .added = added,
         .added_count = 2},
        {.id = 300, .is_dropped = true},
    };
    const struct fi_manifest_edit edit = {
        .version = 12, .next_number = 7, .sequence = 1000, .trees = trees, .tree_count = 2};
    const struct fi_manifest_tree whole = {
        .id = 1, .kind = 1, .flushed = 69, .added = added, .added_count = 2};
    const struct fi_manifest_edit snapshot = {.is_snapshot = true,
                                              .version = 12,
                                              .next_number = 7,
                                              .sequence = 1000,
                                              .trees = &whole,
                                              .tree_count = 1};
    struct fi_buf bytes = {0};
    struct fi_arena arena = {0};
    struct fi_manifest_edit decoded;
    firn_error err;
    assert_int_equal(fi_manifest_edit_encode(&edit, &bytes), FIRN_OK);
    test_file_compare_golden("tests/formats/manifest/edit.record", fi_buf_slice(&bytes));
    TEST_OK(fi_manifest_edit_decode(FI_MANIFEST_EDIT, fi_buf_slice(&bytes), &arena, &decoded, &err),
            &err);
    assert_same_edit(&edit, &decoded);
    assert_int_equal(decoded.trees[0].added[1].sequence_max, 69);
    assert_true(decoded.trees[1].is_dropped);
    assert_int_equal(fi_manifest_edit_encode(&snapshot, &bytes), FIRN_OK);
    test_file_compare_golden("tests/formats/manifest/snapshot.record", fi_buf_slice(&bytes));
    TEST_OK(
        fi_manifest_edit_decode(FI_MANIFEST_SNAPSHOT, fi_buf_slice(&bytes), &arena, &decoded, &err),
        &err);
    assert_same_edit(&snapshot, &decoded);
    added[1].expiring_count = 40;
    added[1].expires_first_ms = 1000000;
    added[1].expires_last_ms = 1000300;
    assert_int_equal(fi_manifest_edit_encode(&edit, &bytes), FIRN_OK);
    test_file_compare_golden("tests/formats/manifest/expiring.record", fi_buf_slice(&bytes));
    TEST_OK(fi_manifest_edit_decode(FI_MANIFEST_EDIT, fi_buf_slice(&bytes), &arena, &decoded, &err),
            &err);
    assert_same_edit(&edit, &decoded);
    assert_int_equal(decoded.trees[0].added[0].expiring_count, 0);
    assert_int_equal(decoded.trees[0].added[1].kind, 1);
    assert_int_equal(decoded.trees[0].added[1].expiring_count, 40);
    assert_int_equal(decoded.trees[0].added[1].expires_last_ms, 1000300);
    const struct fi_manifest_reference references[] = {
        {2, UINT64_C(0xfedcba9876543210), 100000, 70000}, {4, 1, 300, 300}};
    added[0].references = references;
    added[0].reference_count = 1;
    added[1].references = references;
    added[1].reference_count = 2;
    assert_int_equal(fi_manifest_edit_encode(&edit, &bytes), FIRN_OK);
    test_file_compare_golden("tests/formats/manifest/values.record", fi_buf_slice(&bytes));
    const struct fi_manifest_group groups[] = {{58, 61, 70, 90}, {60, 75, 0, 0}};
    added[1].level = FI_VERSION_HISTORY;
    added[1].groups = groups;
    added[1].group_count = 2;
    assert_int_equal(fi_manifest_edit_encode(&edit, &bytes), FIRN_OK);
    test_file_compare_golden("tests/formats/manifest/history.record", fi_buf_slice(&bytes));
    TEST_OK(fi_manifest_edit_decode(FI_MANIFEST_EDIT, fi_buf_slice(&bytes), &arena, &decoded, &err),
            &err);
    assert_same_edit(&edit, &decoded);
    assert_int_equal(decoded.trees[0].added[0].kind, 1);
    assert_int_equal(decoded.trees[0].added[0].reference_count, 1);
    assert_int_equal(decoded.trees[0].added[1].kind, 1);
    assert_int_equal(decoded.trees[0].added[1].expiring_count, 40);
    assert_int_equal(decoded.trees[0].added[1].reference_count, 2);
    assert_memory_equal(decoded.trees[0].added[1].references, references, sizeof references);
    assert_int_equal(decoded.trees[0].added[0].group_count, 0);
    assert_int_equal(decoded.trees[0].added[1].group_count, 2);
    assert_memory_equal(decoded.trees[0].added[1].groups, groups, sizeof groups);
    struct fi_manifest_edit with_end = edit;
    with_end.log_end = (struct fi_log_position){300, 4096};
    assert_int_equal(fi_manifest_edit_encode(&with_end, &bytes), FIRN_OK);
    test_file_compare_golden("tests/formats/manifest/log_end.record", fi_buf_slice(&bytes));
    TEST_OK(fi_manifest_edit_decode(FI_MANIFEST_EDIT, fi_buf_slice(&bytes), &arena, &decoded, &err),
            &err);
    assert_same_edit(&with_end, &decoded);
    assert_int_equal(decoded.log_end.offset, 4096);
    /* A tree of another kind of runs. */
    struct fi_manifest_tree of_kinds[2] = {trees[0], {.id = 2, .kind = 2, .flushed = 9}};
    struct fi_manifest_edit with_kinds = with_end;
    struct fi_manifest_run of_kind = run_of(4, 1, "a", "b");
    of_kind.kind = 2;
    of_kinds[0].removed_count = 1;
    of_kinds[1].added = &of_kind;
    of_kinds[1].added_count = 1;
    with_kinds.trees = of_kinds;
    assert_int_equal(fi_manifest_edit_encode(&with_kinds, &bytes), FIRN_OK);
    test_file_compare_golden("tests/formats/manifest/kinds.record", fi_buf_slice(&bytes));
    TEST_OK(fi_manifest_edit_decode(FI_MANIFEST_EDIT, fi_buf_slice(&bytes), &arena, &decoded, &err),
            &err);
    assert_same_edit(&with_kinds, &decoded);
    assert_int_equal(decoded.trees[0].kind, 1);
    assert_int_equal(decoded.trees[1].kind, 2);
    assert_int_equal(decoded.trees[1].added[0].kind, 2);
    assert_int_equal(decoded.log_end.offset, 4096);
    /* Without an end of the log. */
    with_kinds.log_end = (struct fi_log_position){0};
    assert_int_equal(fi_manifest_edit_encode(&with_kinds, &bytes), FIRN_OK);
    TEST_OK(fi_manifest_edit_decode(FI_MANIFEST_EDIT, fi_buf_slice(&bytes), &arena, &decoded, &err),
            &err);
    assert_same_edit(&with_kinds, &decoded);
    assert_int_equal(decoded.log_end.segment, 0);
    /* A run with attachments. */
    const struct fi_run_attachment attachments[] = {
        {.number = 2, .kind = 3, .file_bytes = 4096, .identity = 5},
        {.number = 3, .kind = 9, .file_bytes = 300}};
    struct fi_manifest_edit with_attachments = with_end;
    added[0].attachments = attachments;
    added[0].attachment_count = 1;
    added[1].attachments = attachments;
    added[1].attachment_count = 2;
    assert_int_equal(fi_manifest_edit_encode(&with_attachments, &bytes), FIRN_OK);
    test_file_compare_golden("tests/formats/manifest/attachments.record", fi_buf_slice(&bytes));
    TEST_OK(fi_manifest_edit_decode(FI_MANIFEST_EDIT, fi_buf_slice(&bytes), &arena, &decoded, &err),
            &err);
    assert_same_edit(&with_attachments, &decoded);
    assert_int_equal(decoded.trees[0].added[0].kind, 1);
    assert_int_equal(decoded.trees[0].added[0].attachment_count, 1);
    assert_int_equal(decoded.trees[0].added[1].attachment_count, 2);
    assert_int_equal(decoded.trees[0].added[1].attachments[0].identity, 5);
    assert_int_equal(decoded.trees[0].added[1].attachments[1].number, 3);
    assert_int_equal(decoded.trees[0].added[1].attachments[1].kind, 9);
    assert_int_equal(decoded.trees[0].added[1].attachments[1].file_bytes, 300);
    /* Of encrypted runs the identity is named. */
    struct fi_manifest_edit with_identity = with_attachments;
    added[0].identity = UINT64_C(0x0807060504030201);
    assert_int_equal(fi_manifest_edit_encode(&with_identity, &bytes), FIRN_OK);
    test_file_compare_golden("tests/formats/manifest/identity.record", fi_buf_slice(&bytes));
    TEST_OK(fi_manifest_edit_decode(FI_MANIFEST_EDIT, fi_buf_slice(&bytes), &arena, &decoded, &err),
            &err);
    assert_same_edit(&with_identity, &decoded);
    assert_int_equal(decoded.trees[0].added[0].kind, 1);
    assert_int_equal(decoded.trees[0].added[0].identity, UINT64_C(0x0807060504030201));
    assert_int_equal(decoded.trees[0].added[1].identity, 0);
    fi_arena_deinit(&arena);
    fi_buf_deinit(&bytes);
}

static void
the_end_of_the_log_alone_is_a_record(void **state)
{
    static const uint8_t golden[] = {1, 0, 0, 0, 0xac, 2, 0x80, 0x20};
    const struct fi_log_position end = {300, 4096};
    struct fi_log_position decoded;
    struct fi_buf bytes = {0};
    firn_error err;
    assert_int_equal(fi_manifest_edit_encode_log_end(end, &bytes), FIRN_OK);
    assert_int_equal(bytes.size, sizeof golden);
    assert_memory_equal(bytes.data, golden, sizeof golden);
    TEST_OK(fi_manifest_edit_decode_log_end(fi_buf_slice(&bytes), &decoded, &err), &err);
    assert_int_equal(decoded.segment, 300);
    assert_int_equal(decoded.offset, 4096);
    for (size_t size = 0; size < sizeof golden; size++) {
        assert_int_equal(fi_manifest_edit_decode_log_end(firn_bytes(golden, size), &decoded, &err),
                         FIRN_CORRUPT);
    }
    assert_int_equal(fi_buf_append_u8(&bytes, 0), FIRN_OK);
    assert_int_equal(fi_manifest_edit_decode_log_end(fi_buf_slice(&bytes), &decoded, &err),
                     FIRN_CORRUPT);
    bytes.data[0] = 2;
    assert_int_equal(fi_manifest_edit_decode_log_end(fi_buf_slice(&bytes), &decoded, &err),
                     FIRN_NEWER);
    fi_buf_deinit(&bytes);
}

/* ---- what is refused ---- */

static int
decode(const struct fi_manifest_edit *edit, firn_error *err)
{
    struct fi_buf bytes = {0};
    struct fi_arena arena = {0};
    struct fi_manifest_edit decoded;
    assert_int_equal(fi_manifest_edit_encode(edit, &bytes), FIRN_OK);
    int rc = fi_manifest_edit_decode(edit->is_snapshot ? FI_MANIFEST_SNAPSHOT : FI_MANIFEST_EDIT,
                                     fi_buf_slice(&bytes), &arena, &decoded, err);
    fi_arena_deinit(&arena);
    fi_buf_deinit(&bytes);
    return rc;
}

/* An edit of two trees with two runs, the second of history, into which a test puts one mistake. */
struct sample {
    uint64_t removed[2];
    struct fi_manifest_reference references[2];
    struct fi_run_attachment attachments[2];
    struct fi_manifest_run added[2];
    struct fi_manifest_group groups[2];
    struct fi_manifest_tree trees[2];
    struct fi_manifest_edit edit;
};

static void
make_sample(struct sample *sample)
{
    *sample = (struct sample){.removed = {3, 4}};
    sample->added[0] = run_of(5, 0, "a", "b");
    sample->added[1] = run_of(6, FI_VERSION_HISTORY, "c", "d");
    sample->references[0] = (struct fi_manifest_reference){2, 5, 100, 40};
    sample->references[1] = (struct fi_manifest_reference){4, 6, 100, 100};
    sample->added[1].references = sample->references;
    sample->added[1].reference_count = 2;
    sample->attachments[0] = (struct fi_run_attachment){.number = 1, .kind = 3, .file_bytes = 9};
    sample->attachments[1] = (struct fi_run_attachment){.number = 4, .kind = 3, .file_bytes = 9};
    sample->added[1].attachments = sample->attachments;
    sample->added[1].attachment_count = 2;
    sample->added[1].identity = 11;
    sample->groups[0] = (struct fi_manifest_group){60, 64, 65, 69};
    sample->groups[1] = (struct fi_manifest_group){62, 69, 0, 0};
    sample->added[1].groups = sample->groups;
    sample->added[1].group_count = 2;
    for (unsigned i = 0; i < 2; i++) {
        sample->trees[i] = (struct fi_manifest_tree){.id = 1 + i, .kind = 1, .flushed = 9};
    }
    sample->trees[0].removed = sample->removed;
    sample->trees[0].removed_count = 2;
    sample->trees[0].added = sample->added;
    sample->trees[0].added_count = 2;
    sample->edit = (struct fi_manifest_edit){
        .version = 1, .next_number = 7, .sequence = 69, .trees = sample->trees, .tree_count = 2};
}

#define REFUSED(statement)                                          \
    do {                                                            \
        struct sample sample;                                       \
        firn_error err;                                             \
        make_sample(&sample);                                       \
        assert_int_equal(decode(&sample.edit, &err), FIRN_OK);      \
        statement;                                                  \
        assert_int_equal(decode(&sample.edit, &err), FIRN_CORRUPT); \
    } while (0)

static void
numbers_out_of_range_or_order_are_damage(void **state)
{
    REFUSED(sample.edit.version = FI_MANIFEST_NUMBER_MAX);
    REFUSED(sample.edit.next_number = 0);
    REFUSED(sample.edit.next_number = FI_MANIFEST_NUMBER_MAX);
    REFUSED(sample.edit.next_number = 6);
    REFUSED(sample.edit.sequence = 68);
    REFUSED(sample.trees[0].flushed = 70);
    REFUSED(sample.trees[1].id = 1);
    REFUSED(sample.trees[0].id = 3);
    REFUSED(sample.removed[0] = 0);
    REFUSED(sample.removed[1] = 3);
    REFUSED(sample.removed[1] = 7);
    REFUSED(sample.added[0].number = 0);
    REFUSED(sample.added[0].number = 6);
    REFUSED(sample.added[1].number = 7);
    REFUSED(sample.added[0].level = FI_VERSION_HISTORY + 1);
    REFUSED(sample.added[0].level = FI_VERSION_HISTORY);
    REFUSED(sample.added[1].group_count = 0);
    REFUSED(sample.groups[0].first = 0);
    REFUSED(sample.groups[0].first = 61);
    REFUSED(sample.groups[1].first = 59);
    REFUSED(sample.groups[1].last = 68);
    REFUSED(sample.groups[1].last = 70);
    REFUSED(sample.groups[0].newer_last = 70);
    REFUSED(sample.groups[0].newer_first = 70);
    REFUSED((sample.groups[0].last = 67, sample.groups[0].newer_last = 66));
    REFUSED(sample.added[0].kind = 0);
    REFUSED(sample.added[0].expiring_count = 101);
    REFUSED((sample.added[0].expiring_count = 1, sample.added[0].expires_last_ms = UINT64_MAX - 3,
             sample.added[0].expires_first_ms = UINT64_MAX));
    REFUSED(sample.references[0].number = 0);
    REFUSED(sample.references[0].number = 4);
    REFUSED(sample.references[1].number = 7);
    REFUSED(sample.references[0].bytes = 0);
    REFUSED(sample.references[0].bytes = 101);
    REFUSED(sample.references[0].total_bytes = UINT64_C(1) << 48);
    REFUSED(sample.attachments[0].number = 0);
    REFUSED(sample.attachments[0].number = 4);
    REFUSED(sample.attachments[1].number = 7);
    REFUSED(sample.attachments[0].kind = 0);
    REFUSED(sample.attachments[0].file_bytes = 0);
    REFUSED(sample.attachments[0].file_bytes = UINT64_C(1) << 48);
    REFUSED(sample.added[0].file_bytes = 0);
    REFUSED(sample.added[0].file_bytes = UINT64_C(1) << 48);
    REFUSED(sample.added[0].entry_count = 6);
    REFUSED(sample.added[0].entry_count = UINT64_C(1) << 48);
    REFUSED(sample.added[0].range_count = UINT64_MAX);
    REFUSED(sample.added[0].older_count = 101);
    REFUSED(sample.added[0].content_bytes = UINT64_C(1) << 48);
    REFUSED(sample.added[0].sequence_min = 0);
    REFUSED(sample.added[0].lower = firn_str("b"));
    REFUSED(sample.added[0].upper = firn_str("a"));
    REFUSED(sample.edit.is_snapshot = true);
    REFUSED(sample.trees[0].is_dropped = true);
    REFUSED(sample.trees[0].kind = 2);
    REFUSED(sample.added[1].kind = 2);
    REFUSED(sample.trees[1].kind = 0);
    REFUSED({
        sample.added[0].entry_count = 0;
        sample.added[0].tombstone_count = 0;
        sample.added[0].older_count = 0;
        sample.added[0].range_count = 0;
    });
}

static void
every_truncation_and_what_is_newer_is_refused(void **state)
{
    struct sample sample;
    struct fi_buf bytes = {0};
    struct fi_manifest_edit decoded;
    firn_error err;
    make_sample(&sample);
    assert_int_equal(fi_manifest_edit_encode(&sample.edit, &bytes), FIRN_OK);
    for (size_t size = 0; size < bytes.size; size++) {
        struct fi_arena arena = {0};
        assert_int_equal(fi_manifest_edit_decode(FI_MANIFEST_EDIT, firn_bytes(bytes.data, size),
                                                 &arena, &decoded, &err),
                         FIRN_CORRUPT);
        fi_arena_deinit(&arena);
    }
    struct fi_arena arena = {0};
    assert_int_equal(fi_buf_append_u8(&bytes, 0), FIRN_OK);
    assert_int_equal(
        fi_manifest_edit_decode(FI_MANIFEST_EDIT, fi_buf_slice(&bytes), &arena, &decoded, &err),
        FIRN_CORRUPT);
    bytes.size--;
    assert_int_equal(fi_manifest_edit_decode(19, fi_buf_slice(&bytes), &arena, &decoded, &err),
                     FIRN_NEWER);
    bytes.data[0] = 7;
    assert_int_equal(
        fi_manifest_edit_decode(FI_MANIFEST_EDIT, fi_buf_slice(&bytes), &arena, &decoded, &err),
        FIRN_NEWER);
    assert_non_null(strstr(err.text, "format version 7"));
    fi_arena_deinit(&arena);
    fi_buf_deinit(&bytes);
}

/* ---- what records amount to ---- */

static void
records_that_do_not_fit_what_was_before_are_damage(void **state)
{
    const uint64_t missing = 5;
    struct fi_manifest_run run = run_of(1, 0, "a", "b");
    struct fi_manifest_tree tree = {
        .id = 1, .kind = 1, .flushed = 19, .added = &run, .added_count = 1};
    struct fi_manifest_edit first = {
        .version = 1, .next_number = 6, .sequence = 100, .trees = &tree, .tree_count = 1};
    struct fi_manifest_tree empty = {.id = 1, .kind = 1, .flushed = 19};
    struct fi_manifest_edit good = {
        .version = 2, .next_number = 6, .sequence = 100, .trees = &empty, .tree_count = 1};
    firn_error err;
    for (unsigned mistake = 0; mistake < 11; mistake++) {
        struct fi_manifest_state manifest = {0};
        struct fi_manifest_tree other = empty;
        struct fi_manifest_edit second = good;
        second.trees = &other;
        TEST_OK(fi_manifest_state_apply(&manifest, &first, &err), &err);
        switch (mistake) {
        case 0:
            second.version = 1;
            break;
        case 1:
            second.version = 3;
            break;
        case 2:
            second.next_number = 5;
            break;
        case 3:
            second.sequence = 99;
            break;
        case 4:
            other.flushed = 18;
            break;
        case 5: /* is there already */
            other.added = &run;
            other.added_count = 1;
            break;
        case 6:
            other.removed = &missing;
            other.removed_count = 1;
            break;
        case 7:
            other = (struct fi_manifest_tree){.id = 2, .is_dropped = true};
            break;
        case 8:
            other.kind = 2;
            break;
        case 9:
            second.is_snapshot = true; /* of another version than the one before */
            break;
        default:
            break;
        }
        int rc = fi_manifest_state_apply(&manifest, &second, &err);
        assert_int_equal(rc, mistake < 10 ? FIRN_CORRUPT : FIRN_OK);
        fi_manifest_state_deinit(&manifest);
    }
}

/* ---- the log ---- */

/* Edit number n, from 1: adds run n to tree n % 3, and removes run n - 10. */
static int
append_edit(struct fi_manifest *manifest, uint64_t n, firn_error *err)
{
    char lower[32];
    char upper[32];
    (void)snprintf(lower, sizeof lower, "%08llu", (unsigned long long)n);
    (void)snprintf(upper, sizeof upper, "%08llu", (unsigned long long)n + 1);
    struct fi_manifest_run run = run_of(n, 1, lower, upper);
    uint64_t removed = n - 30;
    struct fi_manifest_tree tree = {.id = (uint32_t)(n % 3),
                                    .kind = 1,
                                    .flushed = n,
                                    .removed = &removed,
                                    .removed_count = n > 30,
                                    .added = &run,
                                    .added_count = 1};
    struct fi_manifest_edit edit = {.version = n,
                                    .next_number = n + 1,
                                    .sequence = 10 * n + 9,
                                    .trees = &tree,
                                    .tree_count = 1};
    return fi_manifest_append(manifest, &edit, err);
}

/* What the first n edits amount to. */
static void
assert_edits(const struct fi_manifest_state *manifest, uint64_t n)
{
    size_t runs = 0;
    assert_int_equal(manifest->version, n);
    for (size_t i = 0; i < manifest->tree_count; i++) {
        for (size_t j = 0; j < manifest->trees[i].run_count; j++) {
            const struct fi_manifest_run *run = manifest->trees[i].runs[j];
            assert_int_equal(run->number % 3, manifest->trees[i].id);
            assert_true(run->number <= n && run->number + 30 > n);
            runs++;
        }
    }
    assert_int_equal(runs, n < 30 ? n : 30);
}

/* The state as one edit; the trees lie in the given array of three. */
static struct fi_manifest_edit
snapshot_of(const struct fi_manifest_state *manifest, struct fi_manifest_tree *trees,
            struct fi_manifest_run *runs)
{
    for (size_t i = 0; i < manifest->tree_count; i++) {
        trees[i] = (struct fi_manifest_tree){.id = manifest->trees[i].id,
                                             .kind = manifest->trees[i].kind,
                                             .flushed = manifest->trees[i].flushed,
                                             .added = runs,
                                             .added_count = manifest->trees[i].run_count};
        for (size_t j = 0; j < manifest->trees[i].run_count; j++) {
            *runs++ = *manifest->trees[i].runs[j];
        }
    }
    return (struct fi_manifest_edit){.is_snapshot = true,
                                     .version = manifest->version,
                                     .next_number = manifest->next_number,
                                     .sequence = manifest->sequence,
                                     .trees = trees,
                                     .tree_count = manifest->tree_count};
}

static void
it_stays_small_by_snapshots_and_reads_the_same(void **state)
{
    struct fi_os *os;
    firn_error err;
    TEST_OK(fi_sim_memory_create(5, &os, &err), &err);
    struct fi_os_dir *dir = test_os_root(os);
    struct fi_manifest *manifest;
    struct fi_manifest_state read = {0};
    unsigned snapshots = 0;
    assert_int_equal(fi_manifest_open(dir, NULL, &read, &manifest, &err), FIRN_NOT_FOUND);
    TEST_OK(fi_manifest_create(dir, NULL, &manifest, &err), &err);
    for (uint64_t n = 1; n <= 4000; n++) {
        TEST_OK(append_edit(manifest, n, &err), &err);
        if (fi_manifest_wants_snapshot(manifest)) {
            struct fi_manifest_tree trees[3];
            struct fi_manifest_run runs[30];
            TEST_OK(fi_manifest_read(dir, &read, &err), &err);
            struct fi_manifest_edit snapshot = snapshot_of(&read, trees, runs);
            TEST_OK(fi_manifest_snapshot(manifest, &snapshot, &err), &err);
            assert_false(fi_manifest_wants_snapshot(manifest));
            snapshots++;
        }
        if (n % 500 == 0) {
            TEST_OK(fi_manifest_read(dir, &read, &err), &err);
            assert_edits(&read, n);
            TEST_OK(fi_manifest_close(manifest, &err), &err);
            TEST_OK(fi_manifest_open(dir, NULL, &read, &manifest, &err), &err);
            assert_edits(&read, n);
        }
    }
    assert_true(snapshots >= 3);
    TEST_OK(fi_manifest_close(manifest, &err), &err);
    /* Closing took away the segments that were given up. */
    assert_true(test_os_count(dir) <= 2);
    TEST_OK(fi_manifest_read(dir, &read, &err), &err);
    assert_edits(&read, 4000);
    fi_manifest_state_deinit(&read);
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
}

static void
every_flipped_byte_is_found(void **state)
{
    struct fi_os *os;
    firn_error err;
    TEST_OK(fi_sim_memory_create(6, &os, &err), &err);
    struct fi_os_dir *dir = test_os_root(os);
    struct fi_manifest *manifest;
    struct fi_manifest_state read = {0};
    struct fi_buf bytes = {0};
    TEST_OK(fi_manifest_create(dir, NULL, &manifest, &err), &err);
    for (uint64_t n = 1; n <= 12; n++) {
        TEST_OK(append_edit(manifest, n, &err), &err);
    }
    TEST_OK(fi_manifest_close(manifest, &err), &err);
    test_file_read(dir, "manifest-000001.log", &bytes);
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 0x10;
        test_file_write(dir, "manifest-000001.log", bytes.data, bytes.size);
        int rc = fi_manifest_read(dir, &read, &err);
        if (i >= bytes.size - 16) {
            /* The record that says that the log was closed: nothing is lost with it. */
            TEST_OK(rc, &err);
            assert_edits(&read, 12);
        } else {
            assert_true(rc == FIRN_CORRUPT || rc == FIRN_NEWER);
            assert_non_null(strstr(err.text, "manifest-000001.log"));
        }
        bytes.data[i] ^= 0x10;
    }
    fi_buf_deinit(&bytes);
    fi_manifest_state_deinit(&read);
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
}

static void
a_record_that_makes_no_sense_is_named_by_file_and_offset(void **state)
{
    struct fi_os *os;
    firn_error err;
    TEST_OK(fi_sim_memory_create(7, &os, &err), &err);
    struct fi_os_dir *dir = test_os_root(os);
    struct fi_manifest *manifest;
    struct fi_manifest_state read = {0};
    TEST_OK(fi_manifest_create(dir, NULL, &manifest, &err), &err);
    TEST_OK(append_edit(manifest, 1, &err), &err);
    TEST_OK(append_edit(manifest, 3, &err), &err);
    TEST_OK(fi_manifest_close(manifest, &err), &err);
    assert_int_equal(fi_manifest_open(dir, NULL, &read, &manifest, &err), FIRN_CORRUPT);
    assert_null(manifest);
    assert_non_null(strstr(err.text, "manifest-000001.log' at offset "));
    assert_non_null(strstr(err.text, "version 3"));
    fi_manifest_state_deinit(&read);
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
}

/* Each record makes sense by itself: only all of them together tell. */
static void
a_number_that_two_files_have_is_damage(void **state)
{
    enum { SHARED = 7 };
    for (unsigned mistake = 0; mistake < 6; mistake++) {
        struct fi_os *os;
        firn_error err;
        TEST_OK(fi_sim_memory_create(7, &os, &err), &err);
        struct fi_os_dir *dir = test_os_root(os);
        struct fi_manifest *manifest;
        struct fi_manifest_state read = {0};
        TEST_OK(fi_manifest_create(dir, NULL, &manifest, &err), &err);
        struct fi_run_attachment attachment = {.number = SHARED, .kind = 9, .file_bytes = 4096};
        struct fi_manifest_reference reference = {.number = SHARED, .total_bytes = 1, .bytes = 1};
        struct fi_manifest_run runs[] = {run_of(1, 1, "a", "b"), run_of(2, 1, "c", "d"),
                                         run_of(SHARED, 1, "e", "f")};
        bool attaches[] = {mistake == 0 || mistake == 1 || mistake == 5, mistake == 0, false};
        bool refers[] = {mistake >= 2 && mistake <= 4, mistake == 2 || mistake == 5, false};
        attaches[1] |= mistake == 3;
        bool has_run = mistake == 1 || mistake == 4;
        struct fi_manifest_tree trees[3];
        for (unsigned i = 0; i < 3; i++) {
            runs[i].attachments = attaches[i] ? &attachment : NULL;
            runs[i].attachment_count = attaches[i];
            runs[i].references = refers[i] ? &reference : NULL;
            runs[i].reference_count = refers[i];
            trees[i] = (struct fi_manifest_tree){
                .id = i + 1, .kind = 1, .flushed = 10, .added = &runs[i], .added_count = 1};
        }
        struct fi_manifest_edit edit = {.version = 1,
                                        .next_number = 9,
                                        .sequence = 100,
                                        .trees = trees,
                                        .tree_count = has_run ? 3 : 2};
        TEST_OK(fi_manifest_append(manifest, &edit, &err), &err);
        TEST_OK(fi_manifest_close(manifest, &err), &err);
        int expected = mistake == 2 ? FIRN_OK : FIRN_CORRUPT; /* values are shared */
        assert_int_equal(fi_manifest_read(dir, &read, &err), expected);
        assert_true(expected == FIRN_OK || strstr(err.text, "the number 7 to two files") != NULL);
        assert_int_equal(fi_manifest_open(dir, NULL, &read, &manifest, &err), expected);
        if (expected == FIRN_OK) {
            TEST_OK(fi_manifest_close(manifest, &err), &err);
        }
        fi_manifest_state_deinit(&read);
        fi_os_dir_close(dir);
        fi_sim_memory_destroy(os);
    }
}

static void
failed_allocations_leave_no_trace(void **state)
{
    test_alloc_install();
    struct fi_os *os;
    firn_error err;
    TEST_OK(fi_sim_memory_create(8, &os, &err), &err);
    struct fi_os_dir *dir = test_os_root(os);
    struct fi_manifest *manifest;
    struct fi_manifest_state read = {0};
    TEST_OK(fi_manifest_create(dir, NULL, &manifest, &err), &err);
    for (uint64_t n = 1; n <= 40; n++) {
        TEST_OK(append_edit(manifest, n, &err), &err);
    }
    TEST_OK(fi_manifest_close(manifest, &err), &err);
    int64_t alive = test_alloc_alive();
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        fault.for_ever = fault.n % 2 == 0;
        test_fault_allocation(&fault);
        int rc = fi_manifest_read(dir, &read, &err);
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        fi_manifest_state_deinit(&read);
        assert_int_equal(test_alloc_alive(), alive);
    }
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_records_are_read_and_written),
        cmocka_unit_test(the_end_of_the_log_alone_is_a_record),
        cmocka_unit_test(numbers_out_of_range_or_order_are_damage),
        cmocka_unit_test(every_truncation_and_what_is_newer_is_refused),
        cmocka_unit_test(records_that_do_not_fit_what_was_before_are_damage),
        cmocka_unit_test(it_stays_small_by_snapshots_and_reads_the_same),
        cmocka_unit_test(every_flipped_byte_is_found),
        cmocka_unit_test(a_record_that_makes_no_sense_is_named_by_file_and_offset),
        cmocka_unit_test(a_number_that_two_files_have_is_damage),
        cmocka_unit_test(failed_allocations_leave_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
