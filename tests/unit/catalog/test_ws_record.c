/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/catalog: the bytes of a checkpoint's record, and those that are none.
 */
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog_record.h"
#include "handle/ws_opened.h"
#include "support/test.h"

static struct fi_catalog_record
sample(bool has_rules)
{
    struct fi_catalog_record record = {.order = 7,
                                       .number = 5,
                                       .created_ns = INT64_C(1795183200123456789),
                                       .workspace_path = firn_str("/home/ada/\xff"),
                                       .message = firn_str("before"),
                                       .root = {.kind = FI_TREE_DIR, .mode = 0755, .uid = 1000},
                                       .files = 300,
                                       .bytes = 70000,
                                       .has_rules = has_rules};
    memset(record.id, 0x5a, sizeof record.id);
    memset(record.root.hash.bytes, 0xee, sizeof record.root.hash.bytes);
    if (has_rules) {
        memset(record.rules.bytes, 0x77, sizeof record.rules.bytes);
    }
    return record;
}

static void
encode(const struct fi_catalog_record *record, struct fi_buf *out)
{
    assert_int_equal(fi_catalog_record_encode(record, out), FIRN_OK);
}

/* Of the sample without fields, whose end is replaced by these bytes. */
static int
decode_with_end(const void *end, size_t size)
{
    struct fi_catalog_record record = sample(false);
    struct fi_buf bytes = {0};
    firn_error err;
    encode(&record, &bytes);
    assert_int_equal(bytes.data[bytes.size - 1], 0);
    bytes.size--;
    assert_int_equal(fi_buf_append(&bytes, end, size), FIRN_OK);
    int rc = fi_catalog_record_decode(fi_buf_slice(&bytes), &record, &err);
    fi_buf_deinit(&bytes);
    return rc;
}

static void
a_record_reads_as_it_was_written(void **state)
{
    for (int with = 0; with < 2; with++) {
        struct fi_catalog_record record = sample(with == 1);
        struct fi_catalog_record read;
        struct fi_buf bytes = {0};
        struct fi_buf again = {0};
        firn_error err;
        encode(&record, &bytes);
        assert_int_equal(fi_catalog_record_decode(fi_buf_slice(&bytes), &read, &err), FIRN_OK);
        assert_int_equal(read.has_rules, with == 1);
        assert_memory_equal(&read.rules, &record.rules, sizeof read.rules);
        assert_int_equal(read.number, 5);
        assert_true(fi_slice_equal(read.workspace_path, record.workspace_path));
        encode(&read, &again);
        assert_true(fi_slice_equal(fi_buf_slice(&bytes), fi_buf_slice(&again)));
        fi_buf_deinit(&bytes);
        fi_buf_deinit(&again);
    }
}

static void
a_part_of_a_record_is_none(void **state)
{
    struct fi_catalog_record record = sample(true);
    struct fi_catalog_record read;
    struct fi_buf bytes = {0};
    firn_error err;
    encode(&record, &bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(fi_catalog_record_decode(firn_bytes(bytes.data, size), &read, &err),
                         FIRN_CORRUPT);
    }
    assert_int_equal(fi_buf_append_u8(&bytes, 0), FIRN_OK);
    assert_int_equal(fi_catalog_record_decode(fi_buf_slice(&bytes), &read, &err), FIRN_CORRUPT);
    fi_buf_deinit(&bytes);
}

static void
a_field_of_a_later_version_is_refused_as_newer(void **state)
{
    static const uint8_t unknown[] = {10, 1, 'x', 0};
    static const uint8_t far[] = {0xff, 0x7f, 0, 0};
    assert_int_equal(decode_with_end(unknown, sizeof unknown), FIRN_NEWER);
    assert_int_equal(decode_with_end(far, sizeof far), FIRN_NEWER);
}

static void
a_run_has_a_command_and_an_exit_code(void **state)
{
    uint8_t field[] = {7, 20, 1, 'x', 0xff, 1, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(decode_with_end(field, sizeof field), FIRN_OK);
    field[0] = 8;
    assert_int_equal(decode_with_end(field, sizeof field), FIRN_OK);
    field[4] = 0x80; /* 256 */
    field[5] = 2;
    assert_int_equal(decode_with_end(field, sizeof field), FIRN_CORRUPT);
    const uint8_t none[] = {7, 18, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(decode_with_end(none, sizeof none), FIRN_CORRUPT);
    const uint8_t more[] = {7, 20, 1, 'x', 1, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9, 0};
    assert_int_equal(decode_with_end(more, sizeof more), FIRN_CORRUPT);
}

static void
fields_have_one_order_and_their_own_size(void **state)
{
    uint8_t field[80] = {1, 32};
    assert_int_equal(decode_with_end(field, 35), FIRN_OK);
    assert_int_equal(decode_with_end(field, 34), FIRN_CORRUPT); /* no end */
    field[34] = 1;
    field[35] = 32;
    assert_int_equal(decode_with_end(field, 69), FIRN_CORRUPT); /* twice */
    static const uint8_t empty[] = {1, 0, 0};
    static const uint8_t small[] = {1, 2, 'a', 'b', 0};
    static const uint8_t defaults[][5] = {{3, 1, 2, 0}, {3, 1, 3, 0}, {3, 1, 1, 0}, {3, 0, 0}};
    assert_int_equal(decode_with_end(defaults[0], 4), FIRN_OK);
    assert_int_equal(decode_with_end(defaults[1], 4), FIRN_NEWER);
    assert_int_equal(decode_with_end(defaults[2], 4), FIRN_CORRUPT);
    assert_int_equal(decode_with_end(defaults[3], 3), FIRN_CORRUPT);
    assert_int_equal(decode_with_end(empty, sizeof empty), FIRN_CORRUPT);
    assert_int_equal(decode_with_end(small, sizeof small), FIRN_CORRUPT);
}

static void
forgotten_paths_are_in_order_and_apart(void **state)
{
    static const uint8_t right[] = {2, 9, 1, 'a', 2, 'a', 'b', 3, 'b', '/', 'c', 0};
    static const uint8_t twice[] = {2, 4, 1, 'a', 1, 'a', 0};
    static const uint8_t disorder[] = {2, 4, 1, 'b', 1, 'a', 0};
    static const uint8_t below[] = {2, 6, 1, 'a', 3, 'a', '/', 'b', 0};
    static const uint8_t none[] = {2, 0, 0};
    static const uint8_t torn[] = {2, 3, 3, 'a', 'b', 0};
    static const uint8_t absolute[] = {2, 3, 2, '/', 'b', 0};
    static const uint8_t upward[] = {2, 3, 2, '.', '.', 0};
    assert_int_equal(decode_with_end(right, sizeof right), FIRN_OK);
    assert_int_equal(decode_with_end(twice, sizeof twice), FIRN_CORRUPT);
    assert_int_equal(decode_with_end(disorder, sizeof disorder), FIRN_CORRUPT);
    assert_int_equal(decode_with_end(below, sizeof below), FIRN_CORRUPT);
    assert_int_equal(decode_with_end(none, sizeof none), FIRN_CORRUPT);
    assert_int_equal(decode_with_end(torn, sizeof torn), FIRN_CORRUPT);
    assert_int_equal(decode_with_end(absolute, sizeof absolute), FIRN_CORRUPT);
    assert_int_equal(decode_with_end(upward, sizeof upward), FIRN_CORRUPT);

    struct fi_buf bytes = {0};
    struct fi_catalog_record record = sample(true);
    struct fi_catalog_record read;
    struct fi_buf whole = {0};
    firn_error err;
    firn_slice paths[] = {firn_str("b"), firn_str("a/x"), firn_str("a-b")};
    assert_int_equal(fi_catalog_record_forgotten_encode(paths, 3, &bytes, &err), FIRN_OK);
    record.forgotten = fi_buf_slice(&bytes);
    encode(&record, &whole);
    assert_int_equal(fi_catalog_record_decode(fi_buf_slice(&whole), &read, &err), FIRN_OK);
    assert_true(fi_slice_equal(read.forgotten, record.forgotten));
    firn_workspace_checkpoint checkpoint;
    fi_catalog_record_to_checkpoint(&read, &checkpoint);
    assert_int_equal(checkpoint.forgotten, 3);
    for (size_t size = 0; size < whole.size; size++) {
        assert_int_equal(fi_catalog_record_decode(firn_bytes(whole.data, size), &read, &err),
                         FIRN_CORRUPT);
    }
    fi_buf_deinit(&whole);
    fi_buf_deinit(&bytes);
}

static int
decode_git(const char *branch, size_t branch_size, const char *commit, size_t commit_size,
           size_t more)
{
    struct fi_buf field = {0};
    struct fi_buf bytes = {0};
    static const uint8_t rest[8] = {0};
    assert_int_equal(fi_buf_append_sized(&field, firn_bytes(branch, branch_size)), FIRN_OK);
    assert_int_equal(fi_buf_append_sized(&field, firn_bytes(commit, commit_size)), FIRN_OK);
    assert_int_equal(fi_buf_append(&field, rest, more), FIRN_OK);
    assert_int_equal(fi_buf_append_varint(&bytes, 6), FIRN_OK);
    assert_int_equal(fi_buf_append_sized(&bytes, fi_buf_slice(&field)), FIRN_OK);
    assert_int_equal(fi_buf_append_varint(&bytes, 0), FIRN_OK);
    int rc = decode_with_end(bytes.data, bytes.size);
    fi_buf_deinit(&field);
    fi_buf_deinit(&bytes);
    return rc;
}

static void
a_head_of_git_has_a_branch_or_a_commit(void **state)
{
    static const char hash[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff0";
    char branch[256];
    memset(branch, 'b', sizeof branch);
    assert_int_equal(decode_git("main", 4, hash, 40, 0), FIRN_OK);
    assert_int_equal(decode_git("", 0, hash, 64, 0), FIRN_OK);
    assert_int_equal(decode_git("r\xe4", 2, "", 0, 0), FIRN_OK);
    assert_int_equal(decode_git(branch, 255, hash, 40, 0), FIRN_OK);
    assert_int_equal(decode_git(branch, 256, hash, 40, 0), FIRN_CORRUPT);
    assert_int_equal(decode_git("", 0, "", 0, 0), FIRN_CORRUPT);
    assert_int_equal(decode_git("main", 4, hash, 39, 0), FIRN_CORRUPT);
    assert_int_equal(decode_git("main", 4, hash, 65, 0), FIRN_CORRUPT);
    assert_int_equal(decode_git("a\nb", 3, hash, 40, 0), FIRN_CORRUPT);
    assert_int_equal(decode_git("a\0b", 3, hash, 40, 0), FIRN_CORRUPT);
    assert_int_equal(decode_git("main", 4, hash, 40, 1), FIRN_CORRUPT);
}

static void
a_turn_has_an_agent_and_its_sizes(void **state)
{
    static const uint8_t right[] = {4, 7, 1, 'a', 1, 's', 9, 1, 'p', 0};
    static const uint8_t bare[] = {4, 5, 1, 'a', 0, 0, 0, 0};
    static const uint8_t nobody[] = {4, 5, 0, 1, 's', 9, 0, 0};
    static const uint8_t longer[] = {4, 6, 1, 'a', 0, 0, 0, 'x', 0};
    static const uint8_t torn[] = {4, 4, 1, 'a', 0, 0, 0};
    assert_int_equal(decode_with_end(right, sizeof right), FIRN_OK);
    assert_int_equal(decode_with_end(bare, sizeof bare), FIRN_OK);
    assert_int_equal(decode_with_end(nobody, sizeof nobody), FIRN_CORRUPT);
    assert_int_equal(decode_with_end(longer, sizeof longer), FIRN_CORRUPT);
    assert_int_equal(decode_with_end(torn, sizeof torn), FIRN_CORRUPT);
    static const uint8_t begun[] = {4, 5, 1, 'a', 0, 0, 0, 5, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t never[] = {4, 5, 1, 'a', 0, 0, 0, 5, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t brief[] = {4, 5, 1, 'a', 0, 0, 0, 5, 7, 1, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(decode_with_end(begun, sizeof begun), FIRN_OK);
    assert_int_equal(decode_with_end(begun + 7, sizeof begun - 7), FIRN_CORRUPT); /* of no turn */
    assert_int_equal(decode_with_end(never, sizeof never), FIRN_CORRUPT);
    assert_int_equal(decode_with_end(brief, sizeof brief), FIRN_CORRUPT);

    struct fi_catalog_record record = sample(true);
    struct fi_catalog_record read;
    struct fi_buf bytes = {0};
    firn_error err;
    record.turn = (firn_workspace_turn){.agent = firn_str("Claude Code"),
                                        .session = firn_str("abc"),
                                        .prompt = firn_str("make it\nshorter"),
                                        .number = 300};
    record.turn_begun_ns = INT64_C(1700000000123456789);
    record.run = (firn_workspace_run){firn_str("npm update"), 137, INT64_C(1700000000000000001), 3};
    record.tried = (firn_workspace_run){firn_str("npm test"), 0, -1, INT64_MAX};
    encode(&record, &bytes);
    assert_int_equal(fi_catalog_record_decode(fi_buf_slice(&bytes), &read, &err), FIRN_OK);
    assert_true(fi_slice_equal(read.turn.prompt, record.turn.prompt));
    assert_int_equal(read.turn.number, 300);
    assert_int_equal(read.turn_begun_ns, record.turn_begun_ns);
    assert_true(fi_slice_equal(read.run.command, record.run.command));
    assert_true(fi_slice_equal(read.tried.command, record.tried.command));
    assert_true(read.run.exit_code == 137 && read.run.begun_ns == record.run.begun_ns &&
                read.run.ended_ns == 3 && read.tried.begun_ns == -1 &&
                read.tried.ended_ns == INT64_MAX);
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(fi_catalog_record_decode(firn_bytes(bytes.data, size), &read, &err),
                         FIRN_CORRUPT);
    }
    assert_int_equal(fi_catalog_record_decode(fi_buf_slice(&bytes), &read, &err), FIRN_OK);

    /* Two public faces that outlive the bytes; the first also outlives the handle. */
    struct firn_ws handle = {.os = NULL};
    firn_workspace_checkpoint *first;
    firn_workspace_checkpoint *second;
    assert_int_equal(fi_ws_given_checkpoint(&handle, &read, &first, &err), FIRN_OK);
    read.turn = (firn_workspace_turn){.number = 0};
    assert_int_equal(fi_ws_given_checkpoint(&handle, &read, &second, &err), FIRN_OK);
    fi_buf_deinit(&bytes);
    assert_true(fi_slice_equal(second->message, firn_str("before")));
    assert_int_equal(second->turn.agent.size, 0);
    fi_ws_given_take(&handle, first);
    fi_ws_given_release(&handle);
    fi_buf_deinit(&handle.given);
    assert_true(fi_slice_equal(first->turn.agent, firn_str("Claude Code")));
    assert_true(fi_slice_equal(first->turn.session, firn_str("abc")));
    assert_true(fi_slice_equal(first->turn.prompt, firn_str("make it\nshorter")));
    assert_true(fi_slice_equal(first->message, firn_str("before")));
    assert_true(fi_slice_equal(first->run.command, firn_str("npm update")));
    assert_true(fi_slice_equal(first->tried.command, firn_str("npm test")));
    fi_free(first);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_reads_as_it_was_written),
        cmocka_unit_test(a_part_of_a_record_is_none),
        cmocka_unit_test(a_field_of_a_later_version_is_refused_as_newer),
        cmocka_unit_test(a_run_has_a_command_and_an_exit_code),
        cmocka_unit_test(fields_have_one_order_and_their_own_size),
        cmocka_unit_test(forgotten_paths_are_in_order_and_apart),
        cmocka_unit_test(a_head_of_git_has_a_branch_or_a_commit),
        cmocka_unit_test(a_turn_has_an_agent_and_its_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
