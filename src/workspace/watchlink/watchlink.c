/* SPDX-License-Identifier: Apache-2.0
 *
 * watchlink/watchlink.c: a save, or a look, while a watch runs.
 *
 * The watch is asked which directories are still as in a tree that the store has, the one of the
 * newest checkpoint (watch_set.c). Their entries are read from that tree before the scan begins,
 * and the scan takes them over without a visit (scan_confined.c). All other directories are visited
 * as always. The resulting tree is the one that a visit of everything would give (I1; not checked,
 * like (I2): tests compare the two), because the watch answers only after it has seen every event
 * that was due, and the directories that it names had none.
 *
 * The answer also gives the number of files of that tree in the directories that are not visited
 * (I2).
 *
 * Files with several names. Which of the names holds the content depends on all of them. Their
 * directories are never clean, so a scan finds all names that were known before. A new name may
 * belong to a file in a clean directory, and nothing in that directory shows it. So the scan is
 * then repeated without confines (I3; not checked: the scan fails in this case). A name is new if
 * the scan reported last did not find it, even if the stat cache has it from another scan, such as
 * that of a failed restore. If a file gets a further name while a scan runs, the scan may already
 * have passed the other name, so that scan is not reported. New or changed rule files are treated
 * in the same way: the directories that they govern may be clean, if the change was made through
 * another name of the file.
 *
 * Afterwards the watch is told what was visited, and the tree, while the store is still locked. The
 * next save asks with that tree.
 *
 * If the watch is gone or slow, has another version, or gives an invalid answer, this costs at most
 * a second, and then everything is visited. The answer is trusted only for (I1): a path that the
 * tree does not have is visited.
 *
 * Threads: after `begin` the confines do not change; leave is called by any thread and locks.
 */
#include "watchlink/watchlink.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/hash_map.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/xxh3.h"
#include "firn/workspace.h"
#include "handle/ws_opened.h"
#include "posix/os_default.h"
#include "posix/os_socket.h"
#include "threads/os_callback.h"
#include "threads/os_thread.h"
#include "tree/tree.h"

struct fi_scan_notices {
    firn_callbacks callbacks; /* of the process that asked */
    struct fi_arena arena;
    struct fi_buf kept; /* of firn_notice; paths and texts are in the arena */
};

enum { ANSWER_TIMEOUT_MS = 1000, NS_PER_MS = 1000000, PIECE_SIZE = 1 << 20, KEY_FIELDS = 6 };

struct passed {
    firn_slice path; /* in the arena */
    struct fi_tree_entry entry;
    uint64_t files; /* in it and below; also the next two */
    uint64_t bytes;
    uint64_t directories;
};

struct fi_watchlink {
    const struct fi_watchlink_local *link; /* NULL: by the socket */
    struct fi_os_dir *store_dir;
    uint32_t workspace;
    struct fi_watch_question question;
    uint64_t token;
    struct fi_hash_map passed; /* of struct passed; not changed after `begin` */
    struct fi_arena arena;
    struct fi_scan_confines confines;
    struct fi_scan_witness witness;
    struct fi_scan_notices notices; /* of a scan with confines */
    struct fi_os_mutex mutex;       /* rank WORKSPACE_TREE: guards the rest */
    struct fi_scan_result totals;   /* counts of what is not visited */
    struct fi_buf report;
    bool is_report_lost; /* memory ran out */
};

/* ---- messages ---- */

void
fi_watchlink_name(uint32_t workspace, char out[FI_WATCHLINK_NAME_SIZE])
{
    (void)snprintf(out, FI_WATCHLINK_NAME_SIZE, "watch-%u", (unsigned)workspace);
}

/* Encoding and decoding the messages between a save and a watch.
 *
 * Both ends run as the same user and are the same program, but perhaps in different versions, and
 * either may be killed in the middle of a message. So messages are checked like any foreign bytes:
 * impossible numbers and invalid paths are refused (I4; tested, not asserted: they come from
 * outside). A side that receives an invalid message works without the other: a save visits
 * everything, and a watch starts again. */

enum { FLAG_FULL = 1, FLAG_WILL_REPORT = 2, FLAG_STEADY = 1, NUMBER_MAX_BITS = 62 };

static const uint8_t magic[3] = {'f', 'w', '2'};

static int
watchlink_malformed(firn_error *err)
{
    return fi_error_set(err, FIRN_INVALID, "another process talks nonsense about a watch");
}

static void
wire_header(enum fi_watchlink_wire_kind kind, size_t size,
            uint8_t out[FI_WATCHLINK_WIRE_HEADER_SIZE])
{
    DCHECK(size <= FI_WATCHLINK_WIRE_SIZE_MAX);
    memcpy(out, magic, sizeof magic);
    out[3] = (uint8_t)kind;
    fi_store_le32(out + 4, (uint32_t)size);
}

int
fi_watchlink_wire_parse_header(const uint8_t header[FI_WATCHLINK_WIRE_HEADER_SIZE],
                               enum fi_watchlink_wire_kind *out_kind, size_t *out_size,
                               firn_error *err)
{
    uint32_t size = fi_load_le32(header + 4);
    if (memcmp(header, magic, sizeof magic) != 0 || size > FI_WATCHLINK_WIRE_SIZE_MAX) {
        return watchlink_malformed(err);
    }
    *out_kind = (enum fi_watchlink_wire_kind)header[3];
    *out_size = size;
    return FIRN_OK;
}

/* ---- to bytes ---- */

static int
put_sized(struct fi_buf *out, firn_slice slice)
{
    DCHECK(slice.size <= FI_TREE_PATH_SIZE_MAX); /* the other end refuses longer ones */
    int rc = fi_buf_append_varint(out, slice.size);
    return rc == FIRN_OK ? fi_buf_append_slice(out, slice) : rc;
}

int
fi_watchlink_wire_put_question(struct fi_buf *out, const struct fi_watch_question *question)
{
    uint8_t flags = (uint8_t)((question->is_full ? FLAG_FULL : 0) |
                              (question->will_report ? FLAG_WILL_REPORT : 0));
    FI_TRY_RETURN(fi_buf_append_u8(out, flags));
    FI_TRY_RETURN(fi_buf_append_le64(out, question->device));
    FI_TRY_RETURN(fi_buf_append_le64(out, question->inode));
    return fi_watchlink_wire_put_base(out, &question->base);
}

int
fi_watchlink_wire_put_token(struct fi_buf *out, uint64_t token)
{
    return fi_buf_append_le64(out, token);
}

int
fi_watchlink_wire_put_begun(struct fi_buf *out, int64_t begun_ns)
{
    return fi_buf_append_le64(out, (uint64_t)begun_ns);
}

int
fi_watchlink_wire_put_base(struct fi_buf *out, const struct fi_watch_base *base)
{
    int rc = fi_buf_append(out, base->tree.bytes, sizeof base->tree.bytes);
    return rc == FIRN_OK ? fi_buf_append(out, base->key, sizeof base->key) : rc;
}

int
fi_watchlink_wire_put_group(struct fi_buf *out, firn_slice path, size_t count)
{
    DCHECK(count > 0);
    int rc = put_sized(out, path);
    return rc == FIRN_OK ? fi_buf_append_varint(out, count) : rc;
}

int
fi_watchlink_wire_put_passed(struct fi_buf *out, const struct fi_watch_passed *passed)
{
    FI_TRY_RETURN(put_sized(out, passed->name));
    FI_TRY_RETURN(fi_buf_append_varint(out, passed->files));
    FI_TRY_RETURN(fi_buf_append_varint(out, passed->bytes));
    return fi_buf_append_varint(out, passed->directories);
}

int
fi_watchlink_wire_put_visited(struct fi_buf *out, const struct fi_watch_visited *visited)
{
    FI_TRY_RETURN(put_sized(out, visited->path));
    FI_TRY_RETURN(fi_buf_append_u8(out, visited->is_steady ? FLAG_STEADY : 0));
    FI_TRY_RETURN(fi_buf_append_varint(out, visited->files));
    return fi_buf_append_varint(out, visited->bytes);
}

/* ---- and back ---- */

/* Sums of such numbers cannot overflow for any real tree. */
static bool
get_number(struct fi_reader *reader, uint64_t *out)
{
    return fi_reader_varint_max(reader, UINT64_C(1) << NUMBER_MAX_BITS, out);
}

static bool
get_path(struct fi_reader *reader, firn_slice *out)
{
    return fi_reader_sized(reader, FI_TREE_PATH_SIZE_MAX, out) &&
           (out->size == 0 || fi_tree_path_is_valid(*out));
}

int
fi_watchlink_wire_get_question(firn_slice bytes, struct fi_watch_question *out, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(bytes);
    uint8_t flags;
    if (!fi_reader_u8(&reader, &flags) || (flags & ~(FLAG_FULL | FLAG_WILL_REPORT)) != 0 ||
        !fi_reader_le64(&reader, &out->device) || !fi_reader_le64(&reader, &out->inode)) {
        return watchlink_malformed(err);
    }
    out->is_full = (flags & FLAG_FULL) != 0;
    out->will_report = (flags & FLAG_WILL_REPORT) != 0;
    int rc = fi_watchlink_wire_get_base(&reader, &out->base, err);
    return rc == FIRN_OK && fi_reader_left(&reader) > 0 ? watchlink_malformed(err) : rc;
}

int
fi_watchlink_wire_get_token(struct fi_reader *reader, uint64_t *out, firn_error *err)
{
    return fi_reader_le64(reader, out) ? FIRN_OK : watchlink_malformed(err);
}

int
fi_watchlink_wire_get_begun(struct fi_reader *reader, int64_t *out_ns, firn_error *err)
{
    uint64_t begun;
    if (!fi_reader_le64(reader, &begun)) {
        return watchlink_malformed(err);
    }
    *out_ns = (int64_t)begun;
    return FIRN_OK;
}

int
fi_watchlink_wire_get_base(struct fi_reader *reader, struct fi_watch_base *out, firn_error *err)
{
    return fi_reader_copy(reader, out->tree.bytes, sizeof out->tree.bytes) &&
                   fi_reader_copy(reader, out->key, sizeof out->key)
               ? FIRN_OK
               : watchlink_malformed(err);
}

int
fi_watchlink_wire_get_visited(struct fi_reader *reader, struct fi_watch_visited *out,
                              firn_error *err)
{
    uint8_t flags;
    if (!get_path(reader, &out->path) || !fi_reader_u8(reader, &flags) ||
        (flags & ~FLAG_STEADY) != 0 || !get_number(reader, &out->files) ||
        !get_number(reader, &out->bytes)) {
        return watchlink_malformed(err);
    }
    out->is_steady = flags != 0;
    return FIRN_OK;
}

static int
get_group(struct fi_reader *reader,
          int (*visit)(void *ctx, const struct fi_watch_passed *passed, firn_error *err), void *ctx,
          firn_error *err)
{
    struct fi_watch_passed passed;
    uint64_t count;
    if (!get_path(reader, &passed.parent) ||
        !fi_reader_varint_max(reader, fi_reader_left(reader), &count)) {
        return watchlink_malformed(err);
    }
    for (; count > 0; count--) {
        if (!fi_reader_sized(reader, FI_TREE_PATH_SIZE_MAX, &passed.name) ||
            !fi_tree_name_is_valid(passed.name) || !get_number(reader, &passed.files) ||
            !get_number(reader, &passed.bytes) || !get_number(reader, &passed.directories)) {
            return watchlink_malformed(err);
        }
        int rc = visit(ctx, &passed, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

int
fi_watchlink_wire_get_passed(struct fi_reader *reader,
                             int (*visit)(void *ctx, const struct fi_watch_passed *passed,
                                          firn_error *err),
                             void *ctx, firn_error *err)
{
    int rc = FIRN_OK;
    while (rc == FIRN_OK && fi_reader_left(reader) > 0) {
        rc = get_group(reader, visit, ctx, err);
    }
    return rc;
}

int
fi_watchlink_send(struct fi_os_socket *socket, enum fi_watchlink_wire_kind kind, firn_slice bytes,
                  firn_error *err)
{
    uint8_t header[FI_WATCHLINK_WIRE_HEADER_SIZE];
    const int64_t timeout_ns = (int64_t)ANSWER_TIMEOUT_MS * NS_PER_MS;
    wire_header(kind, bytes.size, header);
    int rc = fi_os_socket_send(socket, header, sizeof header, timeout_ns, err);
    return rc == FIRN_OK ? fi_os_socket_send(socket, bytes.data, bytes.size, timeout_ns, err) : rc;
}

int
fi_watchlink_receive(struct fi_os_socket *socket, int64_t timeout_ns,
                     enum fi_watchlink_wire_kind *out_kind, struct fi_buf *out, firn_error *err)
{
    uint8_t header[FI_WATCHLINK_WIRE_HEADER_SIZE];
    struct fi_os *os = fi_os_default();
    int64_t deadline_ns = fi_os_monotonic_ns(os) + timeout_ns;
    size_t size;
    fi_buf_clear(out);
    FI_TRY_RETURN(fi_os_socket_receive(socket, header, sizeof header, timeout_ns, err));
    FI_TRY_RETURN(fi_watchlink_wire_parse_header(header, out_kind, &size, err));
    /* Memory is allocated as bytes arrive, not by the announced size. */
    DCHECK(size <= FI_WATCHLINK_WIRE_SIZE_MAX);
    while (out->size < size) {
        size_t piece = size - out->size < PIECE_SIZE ? size - out->size : PIECE_SIZE;
        size_t at = out->size;
        if (fi_buf_set_size(out, at + piece) != FIRN_OK) {
            return fi_error_no_memory(err, "a message");
        }
        FI_TRY_RETURN(fi_os_socket_receive(socket, out->data + at, piece,
                                           deadline_ns - fi_os_monotonic_ns(os), err));
    }
    return FIRN_OK;
}

/* ---- the question ---- */

/* A key of the settings that decide, besides the disk, which entries belong to the tree. */
static void
make_key(const struct fi_ws_opened *opened, const struct fi_watchlink_options *options,
         uint8_t out[FI_WATCHLINK_WIRE_KEY_SIZE])
{
    uint64_t fields[KEY_FIELDS] = {
        opened->store_stat.device, opened->store_stat.inode,
        (options->include_deps ? 1U : 4U) | (options->gitignore ? 2U : 0U), options->file_size_max};
    uint8_t nested[FI_XXH3_WIDE_SIZE];
    fi_place_nested_digest(opened->nested, nested);
    memcpy(&fields[KEY_FIELDS - 2], nested, sizeof nested);
    _Static_assert(sizeof nested == 2 * sizeof fields[0], "the last two fields");
    fi_xxh3_wide(fields, sizeof fields, 0, out);
}

/* Connects to the watch. */
static int
watchlink_reach(const struct fi_watchlink *watched, struct fi_os_socket **out, firn_error *err)
{
    char name[FI_WATCHLINK_NAME_SIZE];
    fi_watchlink_name(watched->workspace, name);
    return fi_os_socket_connect(watched->store_dir, name, out, err);
}

static int
query_by_socket(struct fi_watchlink *watched, struct fi_buf *out_answer, firn_error *err)
{
    const int64_t timeout_ns = (int64_t)ANSWER_TIMEOUT_MS * NS_PER_MS;
    struct fi_os_socket *socket = NULL;
    struct fi_buf bytes = {0};
    enum fi_watchlink_wire_kind kind;
    int rc;
    FI_TRY(watchlink_reach(watched, &socket, err));
    if (fi_watchlink_wire_put_question(&bytes, &watched->question) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a question");
        goto out;
    }
    FI_TRY(fi_watchlink_send(socket, FI_WATCHLINK_WIRE_ASK, fi_buf_slice(&bytes), err));
    FI_TRY(fi_watchlink_receive(socket, timeout_ns, &kind, out_answer, err));
    if (kind != FI_WATCHLINK_WIRE_ANSWER) {
        rc = fi_error_set(err, FIRN_INVALID, "the watch answers something else");
    }
out:
    fi_os_socket_close(socket);
    fi_buf_deinit(&bytes);
    return rc;
}

/* ---- the answer ---- */

struct taking {
    struct fi_watchlink *watched;
    struct fi_tree_lookup lookup;
    struct fi_buf path;
};

static uint64_t
path_hash(firn_slice path)
{
    return fi_xxh3(path.data, path.size, 0);
}

static uint64_t
passed_hash(const void *record)
{
    return path_hash(((const struct passed *)record)->path);
}

static bool
passed_equal(const void *record, const void *key)
{
    return fi_slice_equal(((const struct passed *)record)->path, *(const firn_slice *)key);
}

static int
watchlink_keep(struct fi_watchlink *watched, firn_slice path, const struct fi_watch_passed *passed,
               const struct fi_tree_entry *entry, firn_error *err)
{
    struct passed kept = {.entry = *entry,
                          .files = passed->files,
                          .bytes = passed->bytes,
                          .directories = passed->directories};
    DCHECK(entry->kind == FI_TREE_DIR && path.size > 0);
    DCHECK(fi_hash_map_find(&watched->passed, path_hash(path), &path) == NULL);
    const uint8_t *bytes = fi_arena_copy(&watched->arena, path.data, path.size);
    const uint8_t *xattrs = fi_arena_copy(&watched->arena, entry->xattrs.data, entry->xattrs.size);
    if (bytes == NULL || xattrs == NULL) {
        return fi_error_no_memory(err, "a list of directories");
    }
    kept.path = firn_bytes(bytes, path.size);
    kept.entry.name = firn_bytes(NULL, 0);
    kept.entry.xattrs = firn_bytes(xattrs, entry->xattrs.size);
    return fi_hash_map_insert(&watched->passed, path_hash(path), &kept) != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "a list of directories");
}

static int
watchlink_take(void *ctx, const struct fi_watch_passed *passed, firn_error *err)
{
    struct taking *taking = ctx;
    struct fi_watchlink *watched = taking->watched;
    const struct fi_tree_entry *entry;
    firn_slice path;
    int rc;
    if (fi_buf_assign(&taking->path, passed->parent) != FIRN_OK ||
        (passed->parent.size > 0 && fi_buf_append_u8(&taking->path, '/') != FIRN_OK) ||
        fi_buf_append_slice(&taking->path, passed->name) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    path = fi_buf_slice(&taking->path);
    FI_TRY(fi_tree_lookup_find(&taking->lookup, path, &entry, err));
    if (entry == NULL || entry->kind != FI_TREE_DIR ||
        fi_hash_map_find(&watched->passed, path_hash(path), &path) != NULL) {
        goto out;
    }
    FI_TRY(watchlink_keep(watched, path, passed, entry, err));
out:
    return rc;
}

static int
take_answer(struct fi_watchlink *watched, struct fi_ws_opened *opened, firn_slice answer,
            firn_error *err)
{
    struct taking taking = {.watched = watched};
    struct fi_reader reader = fi_reader_of(answer);
    int rc;
    DCHECK(watched->passed.count == 0 && watched->totals.files == 0);
    FI_TRY(fi_watchlink_wire_get_token(&reader, &watched->token, err));
    FI_TRY(fi_watchlink_wire_get_begun(&reader, &watched->confines.known_ns, err));
    fi_tree_lookup_init(&taking.lookup, fi_objects_trees(opened->objects),
                        &watched->question.base.tree);
    FI_TRY(fi_watchlink_wire_get_passed(&reader, watchlink_take, &taking, err));
out:
    fi_tree_lookup_deinit(&taking.lookup);
    fi_buf_deinit(&taking.path);
    return rc;
}

/* ---- the scan ---- */

static bool
is_inside(void *ctx, firn_slice path)
{
    const struct fi_watchlink *watched = ctx;
    return fi_hash_map_find(&watched->passed, path_hash(path), &path) == NULL;
}

static int
entry_of(void *ctx, firn_slice path, const struct fi_tree_entry **out, firn_error *err)
{
    struct fi_watchlink *watched = ctx;
    const struct passed *passed = fi_hash_map_find(&watched->passed, path_hash(path), &path);
    (void)err;
    *out = NULL;
    if (passed != NULL) {
        DCHECK(passed->entry.kind == FI_TREE_DIR);
        *out = &passed->entry;
        fi_os_mutex_lock(&watched->mutex);
        watched->totals.files += passed->files;
        watched->totals.bytes += passed->bytes;
        watched->totals.directories += passed->directories;
        fi_os_mutex_unlock(&watched->mutex);
    }
    return FIRN_OK;
}

static int
watchlink_leave(void *ctx, firn_slice path, uint64_t files, uint64_t bytes, bool is_steady,
                firn_error *err)
{
    struct fi_watchlink *watched = ctx;
    const struct fi_watch_visited visited = {
        .path = path, .is_steady = is_steady, .files = files, .bytes = bytes};
    (void)err;
    DCHECK(watched->question.will_report);
    DCHECK(path.size == 0 || fi_tree_path_is_valid(path)); /* the watch refuses others */
    fi_os_mutex_lock(&watched->mutex);
    if (!watched->is_report_lost &&
        fi_watchlink_wire_put_visited(&watched->report, &visited) != FIRN_OK) {
        watched->is_report_lost = true;
    }
    fi_os_mutex_unlock(&watched->mutex);
    return FIRN_OK;
}

static void
watchlink_enter(void *ctx, struct fi_os_dir *dir, firn_slice path)
{
    const struct fi_watchlink *watched = ctx;
    DCHECK(watched->link != NULL);
    watched->link->enter(watched->link->ctx, dir, path);
}

/* Notices of a scan that may be repeated.
 *
 * A scan with confines that finds a new name of a file is repeated, and reports again what it has
 * to report about the directories that it visits. Callers count notices, so those of the first
 * attempt are kept until it has succeeded. Progress is passed on at once; it may appear to go back.
 *
 * If memory runs out, a notice is passed on at once: better twice than not at all. */

static void
on_notice(void *ctx, const firn_notice *notice)
{
    struct fi_scan_notices *notices = ctx;
    const uint8_t *path = fi_arena_copy(&notices->arena, notice->path.data, notice->path.size);
    const firn_notice kept = {.kind = notice->kind,
                              .path = {path, notice->path.size},
                              .text =
                                  fi_arena_str(&notices->arena, notice->text, strlen(notice->text)),
                              .is_reserved = notice->is_reserved};
    if (path == NULL || kept.text == NULL ||
        fi_buf_append(&notices->kept, &kept, sizeof kept) != FIRN_OK) {
        fi_os_callback_notice(&notices->callbacks, notice);
    }
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    const struct fi_scan_notices *notices = ctx;
    DCHECK(notices->callbacks.on_progress != NULL);
    return fi_os_callback_progress(&notices->callbacks, progress);
}

/* Returns callbacks that keep the notices for `callbacks`. Their context is *notices, which must
 * not move. Any thread may call them, one at a time. Requires: *notices is zeroed or empty. */
static firn_callbacks
notices_hold(struct fi_scan_notices *notices, const firn_callbacks *callbacks)
{
    DCHECK(notices->kept.size == 0);
    notices->callbacks = *callbacks;
    return (firn_callbacks){.on_notice = callbacks->on_notice != NULL ? on_notice : NULL,
                            .on_progress = callbacks->on_progress != NULL ? on_progress : NULL,
                            .ctx = notices};
}

/* Discards the notices of a scan that has failed. */
static void
notices_clear(struct fi_scan_notices *notices)
{
    fi_buf_deinit(&notices->kept);
    fi_arena_deinit(&notices->arena);
}

/* Passes on the notices of a scan that has succeeded. */
static void
notices_report(struct fi_scan_notices *notices)
{
    const firn_notice *kept = (const void *)notices->kept.data;
    DCHECK(notices->kept.size == 0 || notices->callbacks.on_notice != NULL);
    for (size_t i = 0; i < notices->kept.size / sizeof *kept; i++) {
        fi_os_callback_notice(&notices->callbacks, &kept[i]);
    }
    notices_clear(notices);
}

void
fi_watchlink_apply(struct fi_watchlink *watched, struct fi_scan_options *options)
{
    if (watched == NULL) {
        return;
    }
    if (watched->passed.count > 0) {
        options->confines = &watched->confines;
        options->callbacks = notices_hold(&watched->notices, &options->callbacks);
    }
    if (watched->question.will_report) {
        options->witness = &watched->witness;
    }
}

void
fi_watchlink_complete(struct fi_watchlink *watched, struct fi_scan_result *result)
{
    if (watched != NULL) {
        notices_report(&watched->notices);
        result->files += watched->totals.files;
        result->bytes += watched->totals.bytes;
        result->directories += watched->totals.directories;
    }
}

bool
fi_watchlink_widen(struct fi_watchlink *watched)
{
    if (watched == NULL) {
        return false;
    }
    bool had_confines = watched->passed.count > 0;
    DCHECK(had_confines || watched->totals.files == 0);
    fi_hash_map_clear(&watched->passed);
    watched->totals = (struct fi_scan_result){0};
    fi_buf_clear(&watched->report);
    notices_clear(&watched->notices);
    return had_confines;
}

/* ---- the whole ---- */

static void
watchlink_init(struct fi_watchlink *watched, struct firn_ws *ws, struct fi_ws_opened *opened,
               const struct fi_watchlink_options *options)
{
    watched->link = ws->watch;
    watched->store_dir = opened->store_dir;
    watched->workspace = opened->workspace.number;
    watched->question.is_full = options->is_full || options->tree == NULL;
    watched->question.will_report = options->will_report;
    watched->question.device = opened->root_stat.device;
    watched->question.inode = opened->root_stat.inode;
    if (options->tree != NULL) {
        watched->question.base.tree = *options->tree;
    }
    make_key(opened, options, watched->question.base.key);
    fi_hash_map_init(&watched->passed, sizeof(struct passed), passed_hash, passed_equal);
    fi_os_mutex_init(ws->os, &watched->mutex, FI_LOCK_WORKSPACE_TREE);
    watched->confines = (struct fi_scan_confines){
        .is_inside = is_inside, .entry = entry_of, .needs_known = true, .ctx = watched};
    watched->witness =
        (struct fi_scan_witness){.enter = watched->link != NULL ? watchlink_enter : NULL,
                                 .leave = watchlink_leave,
                                 .ctx = watched};
}

int
fi_watchlink_begin(struct firn_ws *ws, struct fi_ws_opened *opened,
                   const struct fi_watchlink_options *options, struct fi_watchlink **out,
                   firn_error *err)
{
    struct fi_buf answer = {0};
    *out = NULL;
    struct fi_watchlink *watched = fi_alloc_zeroed(sizeof *watched);
    if (watched == NULL) {
        return fi_error_no_memory(err, "asking a watch");
    }
    watchlink_init(watched, ws, opened, options);
    int rc = watched->link != NULL
                 ? watched->link->ask(watched->link->ctx, &watched->question, &answer, err)
                 : query_by_socket(watched, &answer, err);
    if (rc == FIRN_OK) {
        rc = take_answer(watched, opened, fi_buf_slice(&answer), err);
    }
    fi_buf_deinit(&answer);
    if (rc != FIRN_OK) {
        fi_watchlink_end(watched);
        return rc == FIRN_NO_MEMORY ? rc : FIRN_OK;
    }
    *out = watched;
    return FIRN_OK;
}

void
fi_watchlink_end(struct fi_watchlink *watched)
{
    if (watched == NULL) {
        return;
    }
    notices_clear(&watched->notices);
    fi_hash_map_deinit(&watched->passed);
    fi_arena_deinit(&watched->arena);
    fi_buf_deinit(&watched->report);
    fi_os_mutex_deinit(&watched->mutex);
    fi_free(watched);
}

void
fi_watchlink_report(struct fi_watchlink *watched, const struct fi_scan_result *scan)
{
    struct fi_os_socket *socket = NULL;
    struct fi_buf report = {0};
    if (watched == NULL || !watched->question.will_report || watched->is_report_lost ||
        scan->has_fresh_links /* (I3) */) {
        return;
    }
    DCHECK(watched->notices.kept.size == 0); /* the scan has succeeded */
    struct fi_watch_base base = watched->question.base;
    base.tree = scan->root.hash;
    int rc;
    FI_TRY(fi_watchlink_wire_put_token(&report, watched->token));
    FI_TRY(fi_watchlink_wire_put_begun(&report, scan->begun_ns));
    FI_TRY(fi_watchlink_wire_put_base(&report, &base));
    FI_TRY(fi_buf_append_slice(&report, fi_buf_slice(&watched->report)));
    if (report.size > FI_WATCHLINK_WIRE_SIZE_MAX) {
        goto out; /* the next save has a tree that the watch does not know, and visits everything */
    }
    if (watched->link != NULL) {
        watched->link->tell(watched->link->ctx, fi_buf_slice(&report));
        goto out;
    }
    FI_TRY(watchlink_reach(watched, &socket, NULL));
    FI_TRY(fi_watchlink_send(socket, FI_WATCHLINK_WIRE_TELL, fi_buf_slice(&report), NULL));
out:
    fi_os_socket_close(socket);
    fi_buf_deinit(&report);
}
