/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/ws_watch: messages between a save and a watch, made of hostile bytes. The first byte says
 * which; a report meets a watch that knows some directories, and leaves it able to answer.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "posix/os_default.h"
#include "tree/tree.h"
#include "watch/watch_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
add(void *ctx, struct fi_os_dir *dir, firn_slice path, int *out_id, firn_error *err)
{
    (void)dir;
    (void)err;
    CHECK(path.size == 0 || fi_tree_path_is_valid(path));
    *out_id = (*(int *)ctx)++;
    return FIRN_OK;
}

static void
forget(void *ctx, int id)
{
    CHECK(id >= 0 && id < *(int *)ctx);
}

static int
check_passed(void *ctx, const struct fi_watch_passed *passed, firn_error *err)
{
    (void)ctx;
    (void)err;
    CHECK(passed->parent.size == 0 || fi_tree_path_is_valid(passed->parent));
    CHECK(fi_tree_name_is_valid(passed->name));
    return FIRN_OK;
}

/* An answer that makes sense: what a set says of itself. */
static uint64_t
ask(struct fi_watch_set *set)
{
    const struct fi_watch_question question = {.will_report = true};
    struct fi_buf answer = {0};
    firn_error err;
    uint64_t token;
    int64_t begun_ns;
    CHECK(fi_watch_set_query(set, &question, &answer, &err) == FIRN_OK);
    struct fi_reader reader = fi_reader_of(fi_buf_slice(&answer));
    CHECK(fi_watchlink_wire_get_token(&reader, &token, &err) == FIRN_OK);
    CHECK(fi_watchlink_wire_get_begun(&reader, &begun_ns, &err) == FIRN_OK);
    CHECK(fi_watchlink_wire_get_passed(&reader, check_passed, NULL, &err) == FIRN_OK);
    fi_buf_deinit(&answer);
    return token;
}

/* Two reports, the second one half of the first's bytes. */
static void
report(firn_slice bytes)
{
    int ids = 0;
    firn_error err;
    struct fi_watch_set *set;
    const struct fi_watch_kernel kernel = {add, forget, &ids};
    CHECK(fi_watch_set_create(fi_os_default(), &kernel, &set, &err) == FIRN_OK);
    for (int round = 0; round < 3; round++) {
        struct fi_buf message = {0};
        const struct fi_watch_base base = {.key = {0}};
        CHECK(fi_watchlink_wire_put_token(&message, ask(set)) == FIRN_OK);
        CHECK(fi_watchlink_wire_put_begun(&message, round) == FIRN_OK);
        CHECK(fi_watchlink_wire_put_base(&message, &base) == FIRN_OK);
        CHECK(fi_buf_append_slice(&message, bytes) == FIRN_OK);
        int rc = fi_watch_set_report(set, fi_buf_slice(&message), &err);
        CHECK(rc == FIRN_OK || rc == FIRN_INVALID || rc == FIRN_NOT_FOUND);
        fi_buf_deinit(&message);
        bytes.size /= 2;
    }
    (void)ask(set);
    fi_watch_set_destroy(set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    firn_error err = {0};
    struct fi_watch_question question;
    enum fi_watchlink_wire_kind kind;
    size_t announced;
    if (size == 0) {
        return 0;
    }
    firn_slice bytes = firn_bytes(data + 1, size - 1);
    struct fi_reader reader = fi_reader_of(bytes);
    int rc = FIRN_OK;
    switch (data[0] % 4) {
    case 0:
        rc = fi_watchlink_wire_get_question(bytes, &question, &err);
        break;
    case 1:
        rc = fi_watchlink_wire_get_passed(&reader, check_passed, NULL, &err);
        break;
    case 2:
        report(bytes);
        break;
    default:
        if (bytes.size >= FI_WATCHLINK_WIRE_HEADER_SIZE) {
            rc = fi_watchlink_wire_parse_header(bytes.data, &kind, &announced, &err);
            CHECK(rc != FIRN_OK || announced <= FI_WATCHLINK_WIRE_SIZE_MAX);
        }
    }
    CHECK(rc == FIRN_OK || (rc == FIRN_INVALID && err.code == rc));
    return 0;
}
