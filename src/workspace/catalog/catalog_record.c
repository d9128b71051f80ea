/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_record.c: encoding and decoding of checkpoint records.
 *
 * A record is self-contained: with it and the objects that it names, a checkpoint can be listed and
 * restored without any other record. Its identity is 128 random bits, written in the sixteen
 * letters k to z so that no id can be mistaken for a number.
 *
 * Fields added after the first version are tagged, at the end. An unknown field may change what a
 * restore has to do, so the record is refused and not read in part (I1; tested, not asserted: it
 * comes from outside). Fields are in the order of their tags, each at most once: equal records have
 * equal bytes (I2).
 */
#include "catalog/catalog_record.h"

#include "base/check.h"
#include "base/reader.h"
#include "base/slice.h"
#include "base/sort.h"

enum {
    RECORD_FORMAT = 1,
    KIND_NORMAL = 0,
    KIND_SAFETY = 1,
    FLAG_INCLUDE_DEPS = 1,
    TAG_END = 0,
    TAG_RULES = 1,
    TAG_FORGOTTEN = 2,
    TAG_DEFAULTS = 3,
    TAG_TURN = 4,
    TAG_TURN_BEGUN = 5,
    TAG_GIT = 6,
    TAG_RUN = 7,
    TAG_TRIED = 8,
    TAG_REPOSITORIES = 9,
    TIME_SIZE = 8,
    DEFAULTS_NARROW = 2, /* version of the default exclusions; version 1 is not written */
    FIELD_SIZE_MAX = 64 << 10
};

static int
encode_root(const struct fi_tree_entry *root, struct fi_buf *out)
{
    FI_TRY_RETURN(fi_buf_append_varint(out, root->mode));
    FI_TRY_RETURN(fi_buf_append_varint(out, root->uid));
    FI_TRY_RETURN(fi_buf_append_varint(out, root->gid));
    FI_TRY_RETURN(fi_buf_append_le64(out, (uint64_t)root->mtime_ns));
    FI_TRY_RETURN(fi_buf_append(out, root->hash.bytes, sizeof root->hash.bytes));
    return fi_buf_append_sized(out, root->xattrs);
}

static int
encode_turn(const firn_workspace_turn *turn, struct fi_buf *out)
{
    DCHECK(turn->agent.size <= FI_CATALOG_RECORD_TURN_NAME_SIZE_MAX);
    DCHECK(turn->session.size <= FI_CATALOG_RECORD_TURN_NAME_SIZE_MAX);
    DCHECK(turn->prompt.size <= FI_CATALOG_RECORD_PROMPT_SIZE_MAX);
    struct fi_buf field = {0};
    int rc;
    FI_TRY(fi_buf_append_sized(&field, turn->agent));
    FI_TRY(fi_buf_append_sized(&field, turn->session));
    FI_TRY(fi_buf_append_varint(&field, turn->number));
    FI_TRY(fi_buf_append_sized(&field, turn->prompt));
    FI_TRY(fi_buf_append_varint(out, TAG_TURN));
    FI_TRY(fi_buf_append_sized(out, fi_buf_slice(&field)));
out:
    fi_buf_deinit(&field);
    return rc;
}

static int
encode_git(const firn_workspace_git *git, struct fi_buf *out)
{
    struct fi_buf field = {0};
    int rc;
    FI_TRY(fi_buf_append_sized(&field, firn_str(git->branch)));
    FI_TRY(fi_buf_append_sized(&field, firn_str(git->commit)));
    FI_TRY(fi_buf_append_varint(out, TAG_GIT));
    FI_TRY(fi_buf_append_sized(out, fi_buf_slice(&field)));
out:
    fi_buf_deinit(&field);
    return rc;
}

static int
encode_run(const firn_workspace_run *run, uint64_t tag, struct fi_buf *out)
{
    DCHECK(run->command.size <= FI_CATALOG_RECORD_COMMAND_SIZE_MAX);
    DCHECK(run->exit_code <= FI_CATALOG_RECORD_EXIT_CODE_MAX);
    struct fi_buf field = {0};
    int rc;
    FI_TRY(fi_buf_append_sized(&field, run->command));
    FI_TRY(fi_buf_append_varint(&field, run->exit_code));
    FI_TRY(fi_buf_append_le64(&field, (uint64_t)run->begun_ns));
    FI_TRY(fi_buf_append_le64(&field, (uint64_t)run->ended_ns));
    FI_TRY(fi_buf_append_varint(out, tag));
    FI_TRY(fi_buf_append_sized(out, fi_buf_slice(&field)));
out:
    fi_buf_deinit(&field);
    return rc;
}

static int
encode_fields(const struct fi_catalog_record *record, struct fi_buf *out)
{
    if (record->has_rules) {
        FI_TRY_RETURN(fi_buf_append_varint(out, TAG_RULES));
        FI_TRY_RETURN(
            fi_buf_append_sized(out, firn_bytes(record->rules.bytes, sizeof record->rules.bytes)));
    }
    if (record->forgotten.size > 0) {
        FI_TRY_RETURN(fi_buf_append_varint(out, TAG_FORGOTTEN));
        FI_TRY_RETURN(fi_buf_append_sized(out, record->forgotten));
    }
    if (record->is_narrow) {
        const uint8_t version = DEFAULTS_NARROW;
        FI_TRY_RETURN(fi_buf_append_varint(out, TAG_DEFAULTS));
        FI_TRY_RETURN(fi_buf_append_sized(out, firn_bytes(&version, sizeof version)));
    }
    if (record->turn.agent.size > 0) {
        FI_TRY_RETURN(encode_turn(&record->turn, out));
    }
    if (record->turn_begun_ns != 0) {
        DCHECK(record->turn.agent.size > 0);
        FI_TRY_RETURN(fi_buf_append_varint(out, TAG_TURN_BEGUN));
        FI_TRY_RETURN(fi_buf_append_varint(out, TIME_SIZE));
        FI_TRY_RETURN(fi_buf_append_le64(out, (uint64_t)record->turn_begun_ns));
    }
    if (record->git.branch[0] != '\0' || record->git.commit[0] != '\0') {
        FI_TRY_RETURN(encode_git(&record->git, out));
    }
    if (record->run.command.size > 0) {
        FI_TRY_RETURN(encode_run(&record->run, TAG_RUN, out));
    }
    if (record->tried.command.size > 0) {
        FI_TRY_RETURN(encode_run(&record->tried, TAG_TRIED, out));
    }
    if (record->has_repositories) {
        FI_TRY_RETURN(fi_buf_append_varint(out, TAG_REPOSITORIES));
        FI_TRY_RETURN(fi_buf_append_sized(
            out, firn_bytes(record->repositories.bytes, sizeof record->repositories.bytes)));
    }
    return fi_buf_append_varint(out, TAG_END);
}

/* Whether what was encoded from start on can be decoded: then its fields are in order. */
static bool
is_readable(const struct fi_buf *encoded, size_t start)
{
    struct fi_catalog_record record;
    return fi_catalog_record_decode(firn_bytes(encoded->data + start, encoded->size - start),
                                    &record, NULL) == FIRN_OK;
}

/* Whether a record is within the limits of decoding. */
static bool
is_within_limits(const struct fi_catalog_record *record)
{
    return record->root.kind == FI_TREE_DIR && record->root.mode <= 07777 &&
           record->root.xattrs.size <= FI_TREE_XATTRS_SIZE_MAX &&
           record->workspace_path.size <= FI_CATALOG_RECORD_PATH_SIZE_MAX &&
           record->message.size <= FI_CATALOG_RECORD_MESSAGE_SIZE_MAX &&
           record->forgotten.size <= FIELD_SIZE_MAX;
}

int
fi_catalog_record_encode(const struct fi_catalog_record *record, struct fi_buf *out)
{
    DCHECK(is_within_limits(record));
    size_t start = out->size;
    const uint64_t counts[] = {record->files,       record->directories, record->bytes,
                               record->new_objects, record->added_bytes, record->excluded,
                               record->skipped};
    int rc;
    FI_TRY(fi_buf_append_u8(out, RECORD_FORMAT));
    FI_TRY(fi_buf_append(out, record->id, sizeof record->id));
    FI_TRY(fi_buf_append(out, record->parent, sizeof record->parent));
    FI_TRY(fi_buf_append_u8(out, record->is_safety ? KIND_SAFETY : KIND_NORMAL));
    FI_TRY(fi_buf_append_u8(out, record->include_deps ? FLAG_INCLUDE_DEPS : 0));
    FI_TRY(fi_buf_append_varint(out, record->order));
    FI_TRY(fi_buf_append_varint(out, record->number));
    FI_TRY(fi_buf_append_le64(out, (uint64_t)record->created_ns));
    FI_TRY(fi_buf_append_sized(out, record->workspace_path));
    FI_TRY(fi_buf_append_sized(out, record->message));
    FI_TRY(encode_root(&record->root, out));
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        FI_TRY(fi_buf_append_varint(out, counts[i]));
    }
    FI_TRY(encode_fields(record, out));
    DCHECK(is_readable(out, start)); /* (I2) */
    return FIRN_OK;
out:
    out->size = start;
    return rc;
}

static bool
decode_root(struct fi_reader *reader, struct fi_tree_entry *root)
{
    uint64_t mode;
    uint64_t uid;
    uint64_t gid;
    uint64_t mtime;
    if (!fi_reader_varint_max(reader, 07777, &mode) ||
        !fi_reader_varint_max(reader, UINT32_MAX, &uid) ||
        !fi_reader_varint_max(reader, UINT32_MAX, &gid) || !fi_reader_le64(reader, &mtime) ||
        !fi_reader_copy(reader, root->hash.bytes, sizeof root->hash.bytes) ||
        !fi_reader_sized(reader, FI_TREE_XATTRS_SIZE_MAX, &root->xattrs)) {
        return false;
    }
    root->kind = FI_TREE_DIR;
    root->mode = (uint32_t)mode;
    root->uid = (uint32_t)uid;
    root->gid = (uint32_t)gid;
    root->mtime_ns = (int64_t)mtime;
    return fi_tree_xattrs_are_valid(root->xattrs);
}

static bool
decode_body(struct fi_reader *reader, struct fi_catalog_record *record)
{
    uint8_t kind;
    uint8_t flags;
    uint64_t created;
    if (!fi_reader_copy(reader, record->id, sizeof record->id) ||
        !fi_reader_copy(reader, record->parent, sizeof record->parent) ||
        !fi_reader_u8(reader, &kind) || kind > KIND_SAFETY || !fi_reader_u8(reader, &flags) ||
        flags > FLAG_INCLUDE_DEPS || !fi_reader_varint(reader, &record->order) ||
        !fi_reader_varint(reader, &record->number) || !fi_reader_le64(reader, &created) ||
        !fi_reader_sized(reader, FI_CATALOG_RECORD_PATH_SIZE_MAX, &record->workspace_path) ||
        !fi_reader_sized(reader, FI_CATALOG_RECORD_MESSAGE_SIZE_MAX, &record->message) ||
        !decode_root(reader, &record->root)) {
        return false;
    }
    record->is_safety = kind == KIND_SAFETY;
    record->include_deps = (flags & FLAG_INCLUDE_DEPS) != 0;
    record->created_ns = (int64_t)created;
    return fi_reader_varint(reader, &record->files) &&
           fi_reader_varint(reader, &record->directories) &&
           fi_reader_varint(reader, &record->bytes) &&
           fi_reader_varint(reader, &record->new_objects) &&
           fi_reader_varint(reader, &record->added_bytes) &&
           fi_reader_varint(reader, &record->excluded) &&
           fi_reader_varint(reader, &record->skipped);
}

static bool
decode_hash(firn_slice field, bool *out_is_there, firn_hash *out)
{
    *out_is_there = true;
    if (field.size != sizeof out->bytes) {
        return false;
    }
    memcpy(out->bytes, field.data, field.size);
    return true;
}

bool
fi_catalog_record_path_covers(firn_slice path, firn_slice other)
{
    return fi_slice_has_prefix(other, path) &&
           (other.size == path.size || other.data[path.size] == '/');
}

bool
fi_catalog_record_forgotten_next(firn_slice *forgotten, firn_slice *out)
{
    struct fi_reader reader = fi_reader_of(*forgotten);
    if (!fi_reader_sized(&reader, FIELD_SIZE_MAX, out)) {
        return false;
    }
    *forgotten = firn_bytes(out->data + out->size, fi_reader_left(&reader));
    return true;
}

static bool
decode_forgotten(firn_slice field, struct fi_catalog_record *record)
{
    firn_slice left = field;
    firn_slice path;
    firn_slice last = {NULL, 0};
    size_t count = 0;
    record->forgotten = field;
    for (; fi_catalog_record_forgotten_next(&left, &path); count++) {
        if (!fi_tree_path_is_valid(path) ||
            (count > 0 &&
             (fi_slice_compare(last, path) >= 0 || fi_catalog_record_path_covers(last, path)))) {
            return false;
        }
        last = path;
    }
    return left.size == 0 && count >= 1 && count <= FI_CATALOG_RECORD_FORGOTTEN_MAX;
}

static bool
decode_turn(firn_slice field, struct fi_catalog_record *record)
{
    struct fi_reader reader = fi_reader_of(field);
    firn_workspace_turn *turn = &record->turn;
    return fi_reader_sized(&reader, FI_CATALOG_RECORD_TURN_NAME_SIZE_MAX, &turn->agent) &&
           fi_reader_sized(&reader, FI_CATALOG_RECORD_TURN_NAME_SIZE_MAX, &turn->session) &&
           fi_reader_varint(&reader, &turn->number) &&
           fi_reader_sized(&reader, FI_CATALOG_RECORD_PROMPT_SIZE_MAX, &turn->prompt) &&
           fi_reader_left(&reader) == 0 && turn->agent.size > 0;
}

static bool
decode_turn_begun(firn_slice field, struct fi_catalog_record *record)
{
    struct fi_reader reader = fi_reader_of(field);
    uint64_t time;
    if (field.size != TIME_SIZE || !fi_reader_le64(&reader, &time) || time == 0) {
        return false;
    }
    record->turn_begun_ns = (int64_t)time;
    return record->turn.agent.size > 0;
}

/* Reads a text without control characters, into out[room]. */
static bool
decode_text(struct fi_reader *reader, size_t room, char *out)
{
    firn_slice text;
    if (!fi_reader_sized(reader, room - 1, &text)) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < ' ' || text.data[i] == 0x7F) {
            return false;
        }
        out[i] = (char)text.data[i];
    }
    out[text.size] = '\0';
    return true;
}

static bool
decode_git(firn_slice field, firn_workspace_git *git)
{
    struct fi_reader reader = fi_reader_of(field);
    return decode_text(&reader, sizeof git->branch, git->branch) &&
           decode_text(&reader, sizeof git->commit, git->commit) && fi_reader_left(&reader) == 0 &&
           (git->commit[0] == '\0' ? git->branch[0] != '\0'
                                   : strlen(git->commit) == 40 || strlen(git->commit) == 64);
}

static bool
decode_run(firn_slice field, firn_workspace_run *run)
{
    struct fi_reader reader = fi_reader_of(field);
    uint64_t begun;
    uint64_t ended;
    if (!fi_reader_sized(&reader, FI_CATALOG_RECORD_COMMAND_SIZE_MAX, &run->command) ||
        !fi_reader_varint(&reader, &run->exit_code) || !fi_reader_le64(&reader, &begun) ||
        !fi_reader_le64(&reader, &ended)) {
        return false;
    }
    run->begun_ns = (int64_t)begun;
    run->ended_ns = (int64_t)ended;
    return fi_reader_left(&reader) == 0 && run->command.size > 0 &&
           run->exit_code <= FI_CATALOG_RECORD_EXIT_CODE_MAX;
}

static bool
decode_field(uint64_t tag, firn_slice field, struct fi_catalog_record *record)
{
    switch (tag) {
    case TAG_RULES:
        return decode_hash(field, &record->has_rules, &record->rules);
    case TAG_FORGOTTEN:
        return decode_forgotten(field, record);
    case TAG_DEFAULTS:
        record->is_narrow = true;
        return field.size == 1 && field.data[0] == DEFAULTS_NARROW;
    case TAG_TURN:
        return decode_turn(field, record);
    case TAG_GIT:
        return decode_git(field, &record->git);
    case TAG_RUN:
        return decode_run(field, &record->run);
    case TAG_TRIED:
        return decode_run(field, &record->tried);
    case TAG_REPOSITORIES:
        return decode_hash(field, &record->has_repositories, &record->repositories);
    default:
        DCHECK(tag == TAG_TURN_BEGUN);
        return decode_turn_begun(field, record);
    }
}

static int
compare_paths(const void *a, const void *b)
{
    return fi_slice_compare(*(const firn_slice *)a, *(const firn_slice *)b);
}

static bool
none_covers_next(const firn_slice *paths, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (fi_catalog_record_path_covers(paths[i - 1], paths[i])) {
            return false;
        }
    }
    return true;
}

int
fi_catalog_record_forgotten_encode(firn_slice *paths, size_t count, struct fi_buf *out,
                                   firn_error *err)
{
    fi_sort(paths, count, sizeof *paths, compare_paths);
    DCHECK(none_covers_next(paths, count));
    fi_buf_clear(out);
    for (size_t i = 0; i < count; i++) {
        if (fi_buf_append_sized(out, paths[i]) != FIRN_OK) {
            return fi_error_no_memory(err, "a checkpoint's record");
        }
    }
    return out->size <= FIELD_SIZE_MAX && count <= FI_CATALOG_RECORD_FORGOTTEN_MAX
               ? FIRN_OK
               : fi_error_set(err, FIRN_LIMIT,
                              "a checkpoint can forget at most %d paths of %d bytes in all",
                              FI_CATALOG_RECORD_FORGOTTEN_MAX, FIELD_SIZE_MAX);
}

/* Fields up to the end. */
static int
decode_fields(struct fi_reader *reader, struct fi_catalog_record *record, firn_error *err)
{
    uint64_t last = TAG_END;
    for (;;) {
        uint64_t tag;
        firn_slice field;
        if (!fi_reader_varint(reader, &tag)) {
            break;
        }
        if (tag == TAG_END) {
            return FIRN_OK;
        }
        if (tag > TAG_REPOSITORIES) {
            return fi_error_set(err, FIRN_NEWER,
                                "a checkpoint's record has a field of type %llu, which this "
                                "version does not know",
                                (unsigned long long)tag);
        }
        if (tag <= last || !fi_reader_sized(reader, FIELD_SIZE_MAX, &field)) {
            break;
        }
        if (tag == TAG_DEFAULTS && field.size == 1 && field.data[0] > DEFAULTS_NARROW) {
            return fi_error_set(err, FIRN_NEWER,
                                "a checkpoint was saved with version %u of the default exclusions, "
                                "this version knows %d",
                                field.data[0], DEFAULTS_NARROW);
        }
        if (!decode_field(tag, field, record)) {
            break;
        }
        last = tag;
    }
    return fi_error_set(err, FIRN_CORRUPT, "a checkpoint's record is malformed");
}

int
fi_catalog_record_decode(firn_slice bytes, struct fi_catalog_record *out, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(bytes);
    struct fi_catalog_record record = {0};
    uint8_t format;
    if (!fi_reader_u8(&reader, &format)) {
        return fi_error_set(err, FIRN_CORRUPT, "a checkpoint's record is empty");
    }
    if (format != RECORD_FORMAT) {
        return fi_error_set(err, FIRN_NEWER,
                            "a checkpoint's record has format %u, this version knows %u", format,
                            RECORD_FORMAT);
    }
    if (!decode_body(&reader, &record)) {
        return fi_error_set(err, FIRN_CORRUPT, "a checkpoint's record is malformed");
    }
    FI_TRY_RETURN(decode_fields(&reader, &record, err));
    if (fi_reader_left(&reader) != 0) {
        return fi_error_set(err, FIRN_CORRUPT, "a checkpoint's record has bytes after its end");
    }
    *out = record;
    return FIRN_OK;
}

void
fi_catalog_record_id_text(const uint8_t *id, char *out)
{
    for (size_t i = 0; i < FI_CATALOG_RECORD_ID_SIZE; i++) {
        *out++ = (char)('k' + (id[i] >> 4));
        *out++ = (char)('k' + (id[i] & 15));
    }
    *out = '\0';
}

void
fi_catalog_record_to_checkpoint(const struct fi_catalog_record *record,
                                firn_workspace_checkpoint *out)
{
    *out = (firn_workspace_checkpoint){.number = record->number,
                                       .is_safety = record->is_safety,
                                       .include_deps = record->include_deps,
                                       .created_ns = record->created_ns,
                                       .message = record->message,
                                       .root = record->root.hash,
                                       .files = record->files,
                                       .directories = record->directories,
                                       .bytes = record->bytes,
                                       .new_objects = record->new_objects,
                                       .added_bytes = record->added_bytes,
                                       .excluded = record->excluded,
                                       .skipped = record->skipped,
                                       .turn = record->turn,
                                       .git = record->git,
                                       .turn_begun_ns = record->turn_begun_ns,
                                       .run = record->run,
                                       .tried = record->tried};
    firn_slice left = record->forgotten;
    firn_slice path;
    while (fi_catalog_record_forgotten_next(&left, &path)) {
        out->forgotten++;
    }
    fi_catalog_record_id_text(record->id, out->id);
}
