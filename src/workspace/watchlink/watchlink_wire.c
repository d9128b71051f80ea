/* SPDX-License-Identifier: Apache-2.0
 *
 * watchlink/watchlink_wire.c: what a save and a watch say to each other, to bytes and back.
 *
 * Both ends run as one user and are one program, but not always of one version, and either may be
 * killed in the middle of a word. So what comes is looked at like any foreign bytes: numbers that
 * could not be true and paths that are none are refused (I1; tested, not asserted: it comes from
 * outside), and a side that is told nonsense does without: a save walks, a watch forgets.
 */
#include "watchlink/watchlink_wire.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "tree/tree.h"

enum { FLAG_FULL = 1, FLAG_WILL_REPORT = 2, FLAG_STEADY = 1, NUMBER_MAX_BITS = 62 };

static const uint8_t magic[3] = {'f', 'w', '2'};

static int
malformed(firn_error *err)
{
    return firn_error_set(err, FIRN_INVALID, "another process talks nonsense about a watch");
}

void
firn_watchlink_wire_header(enum firn_watchlink_wire_kind kind, size_t size,
                           uint8_t out[FIRN_WATCHLINK_WIRE_HEADER_SIZE])
{
    DCHECK(size <= FIRN_WATCHLINK_WIRE_SIZE_MAX);
    memcpy(out, magic, sizeof magic);
    out[3] = (uint8_t)kind;
    firn_store_le32(out + 4, (uint32_t)size);
}

int
firn_watchlink_wire_parse_header(const uint8_t header[FIRN_WATCHLINK_WIRE_HEADER_SIZE],
                                 enum firn_watchlink_wire_kind *out_kind, size_t *out_size,
                                 firn_error *err)
{
    uint32_t size = firn_load_le32(header + 4);
    if (memcmp(header, magic, sizeof magic) != 0 || size > FIRN_WATCHLINK_WIRE_SIZE_MAX) {
        return malformed(err);
    }
    *out_kind = (enum firn_watchlink_wire_kind)header[3];
    *out_size = size;
    return FIRN_OK;
}

/* ---- to bytes ---- */

static int
put_sized(struct firn_buf *out, firn_slice slice)
{
    int rc = firn_buf_append_varint(out, slice.size);
    return rc == FIRN_OK ? firn_buf_append_slice(out, slice) : rc;
}

int
firn_watchlink_wire_put_question(struct firn_buf *out, const struct firn_watch_question *question)
{
    uint8_t flags = (uint8_t)((question->is_full ? FLAG_FULL : 0) |
                              (question->will_report ? FLAG_WILL_REPORT : 0));
    int rc;
    FIRN_TRY(firn_buf_append_u8(out, flags));
    FIRN_TRY(firn_buf_append_le64(out, question->device));
    FIRN_TRY(firn_buf_append_le64(out, question->inode));
    FIRN_TRY(firn_watchlink_wire_put_base(out, &question->base));
out:
    return rc;
}

int
firn_watchlink_wire_put_token(struct firn_buf *out, uint64_t token)
{
    return firn_buf_append_le64(out, token);
}

int
firn_watchlink_wire_put_begun(struct firn_buf *out, int64_t begun_ns)
{
    return firn_buf_append_le64(out, (uint64_t)begun_ns);
}

int
firn_watchlink_wire_put_base(struct firn_buf *out, const struct firn_watch_base *base)
{
    int rc = firn_buf_append(out, base->tree.bytes, sizeof base->tree.bytes);
    return rc == FIRN_OK ? firn_buf_append(out, base->key, sizeof base->key) : rc;
}

int
firn_watchlink_wire_put_group(struct firn_buf *out, firn_slice path, size_t count)
{
    DCHECK(count > 0);
    int rc = put_sized(out, path);
    return rc == FIRN_OK ? firn_buf_append_varint(out, count) : rc;
}

int
firn_watchlink_wire_put_passed(struct firn_buf *out, const struct firn_watch_passed *passed)
{
    int rc;
    FIRN_TRY(put_sized(out, passed->name));
    FIRN_TRY(firn_buf_append_varint(out, passed->files));
    FIRN_TRY(firn_buf_append_varint(out, passed->bytes));
    FIRN_TRY(firn_buf_append_varint(out, passed->directories));
out:
    return rc;
}

int
firn_watchlink_wire_put_visited(struct firn_buf *out, const struct firn_watch_visited *visited)
{
    int rc;
    FIRN_TRY(put_sized(out, visited->path));
    FIRN_TRY(firn_buf_append_u8(out, visited->is_steady ? FLAG_STEADY : 0));
    FIRN_TRY(firn_buf_append_varint(out, visited->files));
    FIRN_TRY(firn_buf_append_varint(out, visited->bytes));
out:
    return rc;
}

/* ---- and back ---- */

/* Sums of such numbers do not overflow for any tree there is. */
static bool
get_number(struct firn_reader *reader, uint64_t *out)
{
    return firn_reader_varint_max(reader, UINT64_C(1) << NUMBER_MAX_BITS, out);
}

static bool
get_path(struct firn_reader *reader, firn_slice *out)
{
    return firn_reader_sized(reader, FIRN_TREE_PATH_SIZE_MAX, out) &&
           (out->size == 0 || firn_tree_path_is_valid(*out));
}

int
firn_watchlink_wire_get_question(firn_slice bytes, struct firn_watch_question *out, firn_error *err)
{
    struct firn_reader reader = firn_reader_of(bytes);
    uint8_t flags;
    if (!firn_reader_u8(&reader, &flags) || (flags & ~(FLAG_FULL | FLAG_WILL_REPORT)) != 0 ||
        !firn_reader_le64(&reader, &out->device) || !firn_reader_le64(&reader, &out->inode)) {
        return malformed(err);
    }
    out->is_full = (flags & FLAG_FULL) != 0;
    out->will_report = (flags & FLAG_WILL_REPORT) != 0;
    int rc = firn_watchlink_wire_get_base(&reader, &out->base, err);
    return rc == FIRN_OK && firn_reader_left(&reader) > 0 ? malformed(err) : rc;
}

int
firn_watchlink_wire_get_token(struct firn_reader *reader, uint64_t *out, firn_error *err)
{
    return firn_reader_le64(reader, out) ? FIRN_OK : malformed(err);
}

int
firn_watchlink_wire_get_begun(struct firn_reader *reader, int64_t *out_ns, firn_error *err)
{
    uint64_t begun;
    if (!firn_reader_le64(reader, &begun)) {
        return malformed(err);
    }
    *out_ns = (int64_t)begun;
    return FIRN_OK;
}

int
firn_watchlink_wire_get_base(struct firn_reader *reader, struct firn_watch_base *out,
                             firn_error *err)
{
    return firn_reader_copy(reader, out->tree.bytes, sizeof out->tree.bytes) &&
                   firn_reader_copy(reader, out->key, sizeof out->key)
               ? FIRN_OK
               : malformed(err);
}

int
firn_watchlink_wire_get_visited(struct firn_reader *reader, struct firn_watch_visited *out,
                                firn_error *err)
{
    uint8_t flags;
    if (!get_path(reader, &out->path) || !firn_reader_u8(reader, &flags) ||
        (flags & ~FLAG_STEADY) != 0 || !get_number(reader, &out->files) ||
        !get_number(reader, &out->bytes)) {
        return malformed(err);
    }
    out->is_steady = flags != 0;
    return FIRN_OK;
}

static int
get_group(struct firn_reader *reader,
          int (*visit)(void *ctx, const struct firn_watch_passed *passed, firn_error *err),
          void *ctx, firn_error *err)
{
    struct firn_watch_passed passed;
    uint64_t count;
    if (!get_path(reader, &passed.parent) ||
        !firn_reader_varint_max(reader, firn_reader_left(reader), &count)) {
        return malformed(err);
    }
    for (; count > 0; count--) {
        if (!firn_reader_sized(reader, FIRN_TREE_PATH_SIZE_MAX, &passed.name) ||
            !firn_tree_name_is_valid(passed.name) || !get_number(reader, &passed.files) ||
            !get_number(reader, &passed.bytes) || !get_number(reader, &passed.directories)) {
            return malformed(err);
        }
        int rc = visit(ctx, &passed, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

int
firn_watchlink_wire_get_passed(struct firn_reader *reader,
                               int (*visit)(void *ctx, const struct firn_watch_passed *passed,
                                            firn_error *err),
                               void *ctx, firn_error *err)
{
    int rc = FIRN_OK;
    while (rc == FIRN_OK && firn_reader_left(reader) > 0) {
        rc = get_group(reader, visit, ctx, err);
    }
    return rc;
}
