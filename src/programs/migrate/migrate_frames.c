/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate_frames.c: the frames that the process which reads a database sends, taken apart.
 *
 * A frame is a header and, by its kind, a name, a key and a value, or the text of an error. None of
 * its numbers is trusted: a library that was led astray by a damaged file may have written over the
 * memory of its process. So memory grows with the bytes that arrive, not with the sizes that are
 * claimed.
 * (I1) The frames are OPENED, then for each keyspace KEYSPACE, ENTRY..., END, then DONE; anything
 * else is damage. ERROR may come at any time, and is the last (may_follow).
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "migrate/migrate_internal.h"

enum { BUFFER_SIZE = 256 << 10, GROW_MAX = 1 << 20, CODE_MAX = 100 };

int
fi_migrate_frames_init(struct fi_migrate_frames *frames,
                       int (*read)(void *ctx, uint8_t *data, size_t size, size_t *out_size,
                                   firn_error *err),
                       void *ctx, firn_error *err)
{
    assert(frames->buffer == NULL && read != NULL);
    memset(frames, 0, sizeof(*frames));
    frames->read = read;
    frames->ctx = ctx;
    frames->buffer = malloc(BUFFER_SIZE);
    return frames->buffer != NULL ? FIRN_OK : fi_migrate_fail(err, FIRN_NO_MEMORY, "out of memory");
}

void
fi_migrate_frames_deinit(struct fi_migrate_frames *frames)
{
    assert(frames->at <= frames->filled);
    free(frames->buffer);
    free(frames->body);
    memset(frames, 0, sizeof(*frames));
}

static int
migrate_frames_take(struct fi_migrate_frames *frames, void *data, size_t size, firn_error *err)
{
    assert(frames->at <= frames->filled && frames->filled <= BUFFER_SIZE);
    for (size_t done = 0; done < size;) {
        if (frames->at == frames->filled) {
            frames->at = frames->filled = 0;
            int code = frames->read(frames->ctx, frames->buffer, BUFFER_SIZE, &frames->filled, err);
            if (code != FIRN_OK) {
                frames->filled = 0;
                return code;
            }
            assert(frames->filled > 0);
        }
        size_t left = frames->filled - frames->at;
        size_t part = left < size - done ? left : size - done;
        memcpy((uint8_t *)data + done, frames->buffer + frames->at, part);
        frames->at += part;
        done += part;
    }
    return FIRN_OK;
}

static int
migrate_frames_refuse(firn_error *err)
{
    return fi_migrate_fail(
        err, FIRN_CORRUPT,
        "the database is damaged: what the process that reads it sent is malformed");
}

/* Makes room for `size` bytes of a body. */
static int
migrate_frames_reserve(struct fi_migrate_frames *frames, size_t size, firn_error *err)
{
    if (size <= frames->body_capacity) {
        return FIRN_OK;
    }
    uint8_t *grown = realloc(frames->body, size);
    if (grown == NULL) {
        return fi_migrate_fail(err, FIRN_NO_MEMORY, "out of memory");
    }
    frames->body = grown;
    frames->body_capacity = size;
    return FIRN_OK;
}

/* Takes `size` bytes to `at` of the body, and puts a NUL after them. */
static int
take_text(struct fi_migrate_frames *frames, size_t at, size_t size, firn_error *err)
{
    size_t done = 0;
    int code = migrate_frames_reserve(frames, at + (size < GROW_MAX ? size : GROW_MAX) + 1, err);
    while (code == FIRN_OK && done < size) {
        size_t room = frames->body_capacity - at - done - 1;
        if (room == 0) { /* as much again as has come */
            size_t more = size - done < done ? size - done : done;
            code = migrate_frames_reserve(frames, at + done + more + 1, err);
            continue;
        }
        size_t part = room < size - done ? room : size - done;
        code = migrate_frames_take(frames, frames->body + at + done, part, err);
        done += part;
    }
    if (code == FIRN_OK) {
        frames->body[at + size] = '\0';
    }
    return code;
}

/* Whether a frame of a kind may come now. */
static bool
may_follow(enum fi_migrate_kind before, uint32_t kind)
{
    bool is_inside = before == FI_MIGRATE_KEYSPACE || before == FI_MIGRATE_ENTRY;
    bool is_between = before == FI_MIGRATE_OPENED || before == FI_MIGRATE_END;
    switch (kind) {
    case FI_MIGRATE_OPENED:
        return before == 0;
    case FI_MIGRATE_ENTRY:
    case FI_MIGRATE_END:
        return is_inside;
    case FI_MIGRATE_KEYSPACE:
    case FI_MIGRATE_DONE:
        return is_between;
    default:
        return kind == FI_MIGRATE_ERROR;
    }
}

static int
check_sizes(const struct fi_migrate_header *header, firn_error *err)
{
    if (header->kind == FI_MIGRATE_ENTRY) {
        return header->first <= FIRN_KEY_SIZE_MAX && header->second <= FIRN_VALUE_SIZE_MAX
                   ? FIRN_OK
                   : fi_migrate_fail(err, FIRN_LIMIT,
                                     "an entry has a key of %llu and a value of %llu bytes; a "
                                     "store takes %d and %d",
                                     (unsigned long long)header->first,
                                     (unsigned long long)header->second, FIRN_KEY_SIZE_MAX,
                                     FIRN_VALUE_SIZE_MAX);
    }
    bool has_text = header->kind == FI_MIGRATE_KEYSPACE || header->kind == FI_MIGRATE_ERROR;
    uint64_t most = header->kind == FI_MIGRATE_END ? UINT64_MAX
                    : has_text                     ? FI_MIGRATE_NAME_SIZE_MAX
                                                   : 0;
    return header->first <= most && header->second == 0 ? FIRN_OK : migrate_frames_refuse(err);
}

/* Takes what follows the header. */
static int
take_body(struct fi_migrate_frames *frames, const struct fi_migrate_header *header,
          struct fi_migrate_frame *out, firn_error *err)
{
    size_t first = header->kind == FI_MIGRATE_END ? 0 : (size_t)header->first;
    int code = take_text(frames, 0, first, err);
    code = code == FIRN_OK ? take_text(frames, first + 1, (size_t)header->second, err) : code;
    if (code != FIRN_OK) {
        return code;
    }
    *out = (struct fi_migrate_frame){
        .kind = (enum fi_migrate_kind)header->kind,
        .is_set = header->flag != 0,
        .name = (const char *)frames->body,
        .key = firn_bytes(frames->body, first),
        .value = firn_bytes(frames->body + first + 1, (size_t)header->second),
        .count = header->first};
    if (header->kind == FI_MIGRATE_KEYSPACE && strlen(out->name) != first) {
        return migrate_frames_refuse(err);
    }
    if (header->kind == FI_MIGRATE_ERROR) {
        code = header->flag > 0 && header->flag < CODE_MAX ? -(int)header->flag : FIRN_CORRUPT;
        return fi_migrate_fail(err, code, "%.480s", out->name);
    }
    return FIRN_OK;
}

int
fi_migrate_frames_next(struct fi_migrate_frames *frames, struct fi_migrate_frame *out,
                       firn_error *err)
{
    struct fi_migrate_header header;
    assert(frames->buffer != NULL && frames->before != FI_MIGRATE_DONE &&
           frames->before != FI_MIGRATE_ERROR);
    int code = migrate_frames_take(frames, &header, sizeof(header), err);
    if (code == FIRN_OK && !may_follow(frames->before, header.kind)) {
        code = migrate_frames_refuse(err);
    }
    code = code == FIRN_OK ? check_sizes(&header, err) : code;
    code = code == FIRN_OK ? take_body(frames, &header, out, err) : code;
    frames->before = code == FIRN_OK ? out->kind : FI_MIGRATE_ERROR;
    return code;
}
