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
#include "os/os_socket.h"
#include "threads/os_callback.h"
#include "threads/os_thread.h"
#include "tree/tree.h"

struct firn_scan_notices {
    firn_callbacks callbacks; /* of the process that asked */
    struct firn_arena arena;
    struct firn_buf kept; /* of firn_notice; paths and texts are in the arena */
};

enum { ANSWER_TIMEOUT_MS = 1000, NS_PER_MS = 1000000, PIECE_SIZE = 1 << 20, KEY_FIELDS = 6 };

struct passed {
    firn_slice path; /* in the arena */
    struct firn_tree_entry entry;
    uint64_t files; /* in it and below; also the next two */
    uint64_t bytes;
    uint64_t directories;
};

struct firn_watchlink {
    const struct firn_watchlink_local *link; /* NULL: by the socket */
    struct firn_os_dir *store_dir;
    uint32_t workspace;
    struct firn_watch_question question;
    uint64_t token;
    struct firn_hash_map passed; /* of struct passed; not changed after `begin` */
    struct firn_arena arena;
    struct firn_scan_confines confines;
    struct firn_scan_witness witness;
    struct firn_scan_notices notices; /* of a scan with confines */
    struct firn_os_mutex mutex;       /* rank WORKSPACE_TREE: guards the rest */
    struct firn_scan_result totals;   /* counts of what is not visited */
    struct firn_buf report;
    bool is_report_lost; /* memory ran out */
};

/* ---- messages ---- */

void
firn_watchlink_name(uint32_t workspace, char out[FIRN_WATCHLINK_NAME_SIZE])
{
    (void)snprintf(out, FIRN_WATCHLINK_NAME_SIZE, "watch-%u", (unsigned)workspace);
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
malformed(firn_error *err)
{
    return firn_error_set(err, FIRN_INVALID, "another process talks nonsense about a watch");
}

static void
wire_header(enum firn_watchlink_wire_kind kind, size_t size,
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
    DCHECK(slice.size <= FIRN_TREE_PATH_SIZE_MAX); /* the other end refuses longer ones */
    int rc = firn_buf_append_varint(out, slice.size);
    return rc == FIRN_OK ? firn_buf_append_slice(out, slice) : rc;
}

int
firn_watchlink_wire_put_question(struct firn_buf *out, const struct firn_watch_question *question)
{
    uint8_t flags = (uint8_t)((question->is_full ? FLAG_FULL : 0) |
                              (question->will_report ? FLAG_WILL_REPORT : 0));
    FIRN_TRY_RETURN(firn_buf_append_u8(out, flags));
    FIRN_TRY_RETURN(firn_buf_append_le64(out, question->device));
    FIRN_TRY_RETURN(firn_buf_append_le64(out, question->inode));
    return firn_watchlink_wire_put_base(out, &question->base);
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
    FIRN_TRY_RETURN(put_sized(out, passed->name));
    FIRN_TRY_RETURN(firn_buf_append_varint(out, passed->files));
    FIRN_TRY_RETURN(firn_buf_append_varint(out, passed->bytes));
    return firn_buf_append_varint(out, passed->directories);
}

int
firn_watchlink_wire_put_visited(struct firn_buf *out, const struct firn_watch_visited *visited)
{
    FIRN_TRY_RETURN(put_sized(out, visited->path));
    FIRN_TRY_RETURN(firn_buf_append_u8(out, visited->is_steady ? FLAG_STEADY : 0));
    FIRN_TRY_RETURN(firn_buf_append_varint(out, visited->files));
    return firn_buf_append_varint(out, visited->bytes);
}

/* ---- and back ---- */

/* Sums of such numbers cannot overflow for any real tree. */
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

int
firn_watchlink_send(struct firn_os_socket *socket, enum firn_watchlink_wire_kind kind,
                    firn_slice bytes, firn_error *err)
{
    uint8_t header[FIRN_WATCHLINK_WIRE_HEADER_SIZE];
    const int64_t timeout_ns = (int64_t)ANSWER_TIMEOUT_MS * NS_PER_MS;
    wire_header(kind, bytes.size, header);
    int rc = firn_os_socket_send(socket, header, sizeof header, timeout_ns, err);
    return rc == FIRN_OK ? firn_os_socket_send(socket, bytes.data, bytes.size, timeout_ns, err)
                         : rc;
}

int
firn_watchlink_receive(struct firn_os_socket *socket, int64_t timeout_ns,
                       enum firn_watchlink_wire_kind *out_kind, struct firn_buf *out,
                       firn_error *err)
{
    uint8_t header[FIRN_WATCHLINK_WIRE_HEADER_SIZE];
    struct firn_os *os = firn_os_default();
    int64_t deadline_ns = firn_os_monotonic_ns(os) + timeout_ns;
    size_t size;
    firn_buf_clear(out);
    FIRN_TRY_RETURN(firn_os_socket_receive(socket, header, sizeof header, timeout_ns, err));
    FIRN_TRY_RETURN(firn_watchlink_wire_parse_header(header, out_kind, &size, err));
    /* Memory is allocated as bytes arrive, not by the announced size. */
    DCHECK(size <= FIRN_WATCHLINK_WIRE_SIZE_MAX);
    while (out->size < size) {
        size_t piece = size - out->size < PIECE_SIZE ? size - out->size : PIECE_SIZE;
        size_t at = out->size;
        if (firn_buf_set_size(out, at + piece) != FIRN_OK) {
            return firn_error_no_memory(err, "a message");
        }
        FIRN_TRY_RETURN(firn_os_socket_receive(socket, out->data + at, piece,
                                               deadline_ns - firn_os_monotonic_ns(os), err));
    }
    return FIRN_OK;
}

/* ---- the question ---- */

/* A key of the settings that decide, besides the disk, which entries belong to the tree. */
static void
make_key(const struct firn_ws_opened *opened, const struct firn_watchlink_options *options,
         uint8_t out[FIRN_WATCHLINK_WIRE_KEY_SIZE])
{
    uint64_t fields[KEY_FIELDS] = {
        opened->store_stat.device, opened->store_stat.inode,
        (options->include_deps ? 1U : 4U) | (options->gitignore ? 2U : 0U), options->file_size_max};
    uint8_t nested[FIRN_XXH3_WIDE_SIZE];
    firn_place_nested_digest(opened->nested, nested);
    memcpy(&fields[KEY_FIELDS - 2], nested, sizeof nested);
    _Static_assert(sizeof nested == 2 * sizeof fields[0], "the last two fields");
    firn_xxh3_wide(fields, sizeof fields, 0, out);
}

/* Connects to the watch. */
static int
reach(const struct firn_watchlink *watched, struct firn_os_socket **out, firn_error *err)
{
    char name[FIRN_WATCHLINK_NAME_SIZE];
    firn_watchlink_name(watched->workspace, name);
    return firn_os_socket_connect(watched->store_dir, name, out, err);
}

static int
ask_by_socket(struct firn_watchlink *watched, struct firn_buf *out_answer, firn_error *err)
{
    const int64_t timeout_ns = (int64_t)ANSWER_TIMEOUT_MS * NS_PER_MS;
    struct firn_os_socket *socket = NULL;
    struct firn_buf bytes = {0};
    enum firn_watchlink_wire_kind kind;
    int rc;
    FIRN_TRY(reach(watched, &socket, err));
    if (firn_watchlink_wire_put_question(&bytes, &watched->question) != FIRN_OK) {
        rc = firn_error_no_memory(err, "a question");
        goto out;
    }
    FIRN_TRY(firn_watchlink_send(socket, FIRN_WATCHLINK_WIRE_ASK, firn_buf_slice(&bytes), err));
    FIRN_TRY(firn_watchlink_receive(socket, timeout_ns, &kind, out_answer, err));
    if (kind != FIRN_WATCHLINK_WIRE_ANSWER) {
        rc = firn_error_set(err, FIRN_INVALID, "the watch answers something else");
    }
out:
    firn_os_socket_close(socket);
    firn_buf_deinit(&bytes);
    return rc;
}

/* ---- the answer ---- */

struct taking {
    struct firn_watchlink *watched;
    struct firn_tree_lookup lookup;
    struct firn_buf path;
};

static uint64_t
path_hash(firn_slice path)
{
    return firn_xxh3(path.data, path.size, 0);
}

static uint64_t
passed_hash(const void *record)
{
    return path_hash(((const struct passed *)record)->path);
}

static bool
passed_equal(const void *record, const void *key)
{
    return firn_slice_equal(((const struct passed *)record)->path, *(const firn_slice *)key);
}

static int
keep(struct firn_watchlink *watched, firn_slice path, const struct firn_watch_passed *passed,
     const struct firn_tree_entry *entry, firn_error *err)
{
    struct passed kept = {.entry = *entry,
                          .files = passed->files,
                          .bytes = passed->bytes,
                          .directories = passed->directories};
    DCHECK(entry->kind == FIRN_TREE_DIR && path.size > 0);
    DCHECK(firn_hash_map_find(&watched->passed, path_hash(path), &path) == NULL);
    const uint8_t *bytes = firn_arena_copy(&watched->arena, path.data, path.size);
    const uint8_t *xattrs =
        firn_arena_copy(&watched->arena, entry->xattrs.data, entry->xattrs.size);
    if (bytes == NULL || xattrs == NULL) {
        return firn_error_no_memory(err, "a list of directories");
    }
    kept.path = firn_bytes(bytes, path.size);
    kept.entry.name = firn_bytes(NULL, 0);
    kept.entry.xattrs = firn_bytes(xattrs, entry->xattrs.size);
    return firn_hash_map_insert(&watched->passed, path_hash(path), &kept) != NULL
               ? FIRN_OK
               : firn_error_no_memory(err, "a list of directories");
}

static int
take(void *ctx, const struct firn_watch_passed *passed, firn_error *err)
{
    struct taking *taking = ctx;
    struct firn_watchlink *watched = taking->watched;
    const struct firn_tree_entry *entry;
    firn_slice path;
    int rc;
    if (firn_buf_assign(&taking->path, passed->parent) != FIRN_OK ||
        (passed->parent.size > 0 && firn_buf_append_u8(&taking->path, '/') != FIRN_OK) ||
        firn_buf_append_slice(&taking->path, passed->name) != FIRN_OK) {
        return firn_error_no_memory(err, "a path");
    }
    path = firn_buf_slice(&taking->path);
    FIRN_TRY(firn_tree_lookup_find(&taking->lookup, path, &entry, err));
    if (entry == NULL || entry->kind != FIRN_TREE_DIR ||
        firn_hash_map_find(&watched->passed, path_hash(path), &path) != NULL) {
        goto out;
    }
    FIRN_TRY(keep(watched, path, passed, entry, err));
out:
    return rc;
}

static int
take_answer(struct firn_watchlink *watched, struct firn_ws_opened *opened, firn_slice answer,
            firn_error *err)
{
    struct taking taking = {.watched = watched};
    struct firn_reader reader = firn_reader_of(answer);
    int rc;
    DCHECK(watched->passed.count == 0 && watched->totals.files == 0);
    FIRN_TRY(firn_watchlink_wire_get_token(&reader, &watched->token, err));
    FIRN_TRY(firn_watchlink_wire_get_begun(&reader, &watched->confines.known_ns, err));
    firn_tree_lookup_init(&taking.lookup, firn_objects_trees(opened->objects),
                          &watched->question.base.tree);
    FIRN_TRY(firn_watchlink_wire_get_passed(&reader, take, &taking, err));
out:
    firn_tree_lookup_deinit(&taking.lookup);
    firn_buf_deinit(&taking.path);
    return rc;
}

/* ---- the scan ---- */

static bool
is_inside(void *ctx, firn_slice path)
{
    const struct firn_watchlink *watched = ctx;
    return firn_hash_map_find(&watched->passed, path_hash(path), &path) == NULL;
}

static int
entry_of(void *ctx, firn_slice path, const struct firn_tree_entry **out, firn_error *err)
{
    struct firn_watchlink *watched = ctx;
    const struct passed *passed = firn_hash_map_find(&watched->passed, path_hash(path), &path);
    (void)err;
    *out = NULL;
    if (passed != NULL) {
        DCHECK(passed->entry.kind == FIRN_TREE_DIR);
        *out = &passed->entry;
        firn_os_mutex_lock(&watched->mutex);
        watched->totals.files += passed->files;
        watched->totals.bytes += passed->bytes;
        watched->totals.directories += passed->directories;
        firn_os_mutex_unlock(&watched->mutex);
    }
    return FIRN_OK;
}

static int
leave(void *ctx, firn_slice path, uint64_t files, uint64_t bytes, bool is_steady, firn_error *err)
{
    struct firn_watchlink *watched = ctx;
    const struct firn_watch_visited visited = {
        .path = path, .is_steady = is_steady, .files = files, .bytes = bytes};
    (void)err;
    DCHECK(watched->question.will_report);
    DCHECK(path.size == 0 || firn_tree_path_is_valid(path)); /* the watch refuses others */
    firn_os_mutex_lock(&watched->mutex);
    if (!watched->is_report_lost &&
        firn_watchlink_wire_put_visited(&watched->report, &visited) != FIRN_OK) {
        watched->is_report_lost = true;
    }
    firn_os_mutex_unlock(&watched->mutex);
    return FIRN_OK;
}

static void
enter(void *ctx, struct firn_os_dir *dir, firn_slice path)
{
    const struct firn_watchlink *watched = ctx;
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
    struct firn_scan_notices *notices = ctx;
    const uint8_t *path = firn_arena_copy(&notices->arena, notice->path.data, notice->path.size);
    const firn_notice kept = {
        .kind = notice->kind,
        .path = {path, notice->path.size},
        .text = firn_arena_str(&notices->arena, notice->text, strlen(notice->text)),
        .is_reserved = notice->is_reserved};
    if (path == NULL || kept.text == NULL ||
        firn_buf_append(&notices->kept, &kept, sizeof kept) != FIRN_OK) {
        firn_os_callback_notice(&notices->callbacks, notice);
    }
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    const struct firn_scan_notices *notices = ctx;
    DCHECK(notices->callbacks.on_progress != NULL);
    return firn_os_callback_progress(&notices->callbacks, progress);
}

/* Returns callbacks that keep the notices for `callbacks`. Their context is *notices, which must
 * not move. Any thread may call them, one at a time. Requires: *notices is zeroed or empty. */
static firn_callbacks
notices_hold(struct firn_scan_notices *notices, const firn_callbacks *callbacks)
{
    DCHECK(notices->kept.size == 0);
    notices->callbacks = *callbacks;
    return (firn_callbacks){.on_notice = callbacks->on_notice != NULL ? on_notice : NULL,
                            .on_progress = callbacks->on_progress != NULL ? on_progress : NULL,
                            .ctx = notices};
}

/* Discards the notices of a scan that has failed. */
static void
notices_clear(struct firn_scan_notices *notices)
{
    firn_buf_deinit(&notices->kept);
    firn_arena_deinit(&notices->arena);
}

/* Passes on the notices of a scan that has succeeded. */
static void
notices_tell(struct firn_scan_notices *notices)
{
    const firn_notice *kept = (const void *)notices->kept.data;
    DCHECK(notices->kept.size == 0 || notices->callbacks.on_notice != NULL);
    for (size_t i = 0; i < notices->kept.size / sizeof *kept; i++) {
        firn_os_callback_notice(&notices->callbacks, &kept[i]);
    }
    notices_clear(notices);
}

void
firn_watchlink_apply(struct firn_watchlink *watched, struct firn_scan_options *options)
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
firn_watchlink_complete(struct firn_watchlink *watched, struct firn_scan_result *result)
{
    if (watched != NULL) {
        notices_tell(&watched->notices);
        result->files += watched->totals.files;
        result->bytes += watched->totals.bytes;
        result->directories += watched->totals.directories;
    }
}

bool
firn_watchlink_widen(struct firn_watchlink *watched)
{
    if (watched == NULL) {
        return false;
    }
    bool had_confines = watched->passed.count > 0;
    DCHECK(had_confines || watched->totals.files == 0);
    firn_hash_map_clear(&watched->passed);
    watched->totals = (struct firn_scan_result){0};
    firn_buf_clear(&watched->report);
    notices_clear(&watched->notices);
    return had_confines;
}

/* ---- the whole ---- */

static void
init(struct firn_watchlink *watched, struct firn_ws *ws, struct firn_ws_opened *opened,
     const struct firn_watchlink_options *options)
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
    firn_hash_map_init(&watched->passed, sizeof(struct passed), passed_hash, passed_equal);
    firn_os_mutex_init(ws->os, &watched->mutex, FIRN_LOCK_WORKSPACE_TREE);
    watched->confines = (struct firn_scan_confines){
        .is_inside = is_inside, .entry = entry_of, .needs_known = true, .ctx = watched};
    watched->witness = (struct firn_scan_witness){
        .enter = watched->link != NULL ? enter : NULL, .leave = leave, .ctx = watched};
}

int
firn_watchlink_begin(struct firn_ws *ws, struct firn_ws_opened *opened,
                     const struct firn_watchlink_options *options, struct firn_watchlink **out,
                     firn_error *err)
{
    struct firn_buf answer = {0};
    *out = NULL;
    struct firn_watchlink *watched = firn_alloc_zeroed(sizeof *watched);
    if (watched == NULL) {
        return firn_error_no_memory(err, "asking a watch");
    }
    init(watched, ws, opened, options);
    int rc = watched->link != NULL
                 ? watched->link->ask(watched->link->ctx, &watched->question, &answer, err)
                 : ask_by_socket(watched, &answer, err);
    if (rc == FIRN_OK) {
        rc = take_answer(watched, opened, firn_buf_slice(&answer), err);
    }
    firn_buf_deinit(&answer);
    if (rc != FIRN_OK) {
        firn_watchlink_end(watched);
        return rc == FIRN_NO_MEMORY ? rc : FIRN_OK;
    }
    *out = watched;
    return FIRN_OK;
}

void
firn_watchlink_end(struct firn_watchlink *watched)
{
    if (watched == NULL) {
        return;
    }
    notices_clear(&watched->notices);
    firn_hash_map_deinit(&watched->passed);
    firn_arena_deinit(&watched->arena);
    firn_buf_deinit(&watched->report);
    firn_os_mutex_deinit(&watched->mutex);
    firn_free(watched);
}

void
firn_watchlink_tell(struct firn_watchlink *watched, const struct firn_scan_result *scan)
{
    struct firn_os_socket *socket = NULL;
    struct firn_buf report = {0};
    if (watched == NULL || !watched->question.will_report || watched->is_report_lost ||
        scan->has_fresh_links /* (I3) */) {
        return;
    }
    DCHECK(watched->notices.kept.size == 0); /* the scan has succeeded */
    struct firn_watch_base base = watched->question.base;
    base.tree = scan->root.hash;
    int rc;
    FIRN_TRY(firn_watchlink_wire_put_token(&report, watched->token));
    FIRN_TRY(firn_watchlink_wire_put_begun(&report, scan->begun_ns));
    FIRN_TRY(firn_watchlink_wire_put_base(&report, &base));
    FIRN_TRY(firn_buf_append_slice(&report, firn_buf_slice(&watched->report)));
    if (report.size > FIRN_WATCHLINK_WIRE_SIZE_MAX) {
        goto out; /* the next save has a tree that the watch does not know, and visits everything */
    }
    if (watched->link != NULL) {
        watched->link->tell(watched->link->ctx, firn_buf_slice(&report));
        goto out;
    }
    FIRN_TRY(reach(watched, &socket, NULL));
    FIRN_TRY(firn_watchlink_send(socket, FIRN_WATCHLINK_WIRE_TELL, firn_buf_slice(&report), NULL));
out:
    firn_os_socket_close(socket);
    firn_buf_deinit(&report);
}
