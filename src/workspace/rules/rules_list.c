/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/rules_list.c: one encoding for the rules of a checkpoint.
 *
 * The options of a save and every rule file that it finds decide what it leaves out; together these
 * are a *set*. A normal checkpoint has one set. The safety checkpoint of a restore was scanned
 * under the present rules and those of the checkpoint to be restored, and so has as many sets as
 * were applied: a restore back to it must leave alone what any of them left out. Rules are kept as
 * the bytes of their files and not as verdicts, because they also apply to files that do not exist
 * yet.
 *
 * The encoding is canonical: sets and files are sorted and occur once each, so the same rules are
 * the same object, and a store that is saved a thousand times under the same rules has them once.
 *
 * Everything has a limit, since a store may come from strangers: the object, the sets, the files,
 * the size of each file and the form of its directory's path. A set that is read has been checked
 * to its last byte.
 */
#include "rules/rules.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/slice.h"
#include "base/sort.h"
#include "rules/rules_internal.h"
#include "tree/tree.h"

/* The first format has no narrow sets; an object without narrow sets is written in it. */
enum {
    FORMAT_FIRST = 1,
    FORMAT_NARROW = 2,
    FLAG_INCLUDE_DEPS = 1,
    FLAG_GITIGNORE = 2,
    FLAG_NARROW = 4
};

const char *
fi_rules_list_name(enum fi_rules_list_kind kind)
{
    switch (kind) {
    case FI_RULES_LIST_FIRNIGNORE:
        return ".firnignore";
    case FI_RULES_LIST_CHKPTIGNORE:
        return ".chkptignore";
    case FI_RULES_LIST_GITIGNORE:
        break;
    }
    return ".gitignore";
}

void
fi_rules_list_truncate(struct fi_rules_list *rules, size_t count)
{
    while (rules->set_count > count) {
        fi_free(rules->sets[--rules->set_count].files);
    }
}

void
fi_rules_list_remove(struct fi_rules_list *rules, size_t index)
{
    DCHECK(index < rules->set_count);
    fi_free(rules->sets[index].files);
    rules->set_count--;
    memmove(rules->sets + index, rules->sets + index + 1,
            (rules->set_count - index) * sizeof *rules->sets);
}

void
fi_rules_list_deinit(struct fi_rules_list *rules)
{
    fi_rules_list_truncate(rules, 0);
    fi_free(rules->sets);
    *rules = (struct fi_rules_list){0};
}

struct fi_rules_list_set *
fi_rules_list_add(struct fi_rules_list *rules, size_t file_count)
{
    struct fi_rules_list_set *sets =
        fi_resize_array(rules->sets, rules->set_count + 1, sizeof *sets);
    if (sets == NULL) {
        return NULL;
    }
    rules->sets = sets;
    struct fi_rules_list_file *files = fi_alloc_array(file_count, sizeof *files);
    if (files == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < file_count; i++) {
        files[i] = (struct fi_rules_list_file){0};
    }
    struct fi_rules_list_set *set = &rules->sets[rules->set_count++];
    *set = (struct fi_rules_list_set){.files = files, .file_count = file_count};
    return set;
}

bool
fi_rules_list_are_plain(const struct fi_rules_list *rules)
{
    for (size_t i = 0; i < rules->set_count; i++) {
        const struct fi_rules_list_set *set = &rules->sets[i];
        if (set->file_count > 0 || set->gitignore || set->is_narrow != rules->sets[0].is_narrow ||
            set->include_deps != rules->sets[0].include_deps) {
            return false;
        }
    }
    return true;
}

/* ---- writing ---- */

static int
compare_files(const void *a, const void *b)
{
    const struct fi_rules_list_file *left = a;
    const struct fi_rules_list_file *right = b;
    int order = fi_slice_compare(left->dir, right->dir);
    return order != 0 ? order : (left->kind > right->kind) - (left->kind < right->kind);
}

static int
compare_slices(const void *a, const void *b)
{
    return fi_slice_compare(*(const firn_slice *)a, *(const firn_slice *)b);
}

static int
append_set(struct fi_rules_list_set *set, struct fi_buf *out)
{
    fi_sort(set->files, set->file_count, sizeof *set->files, compare_files);
    DCHECK(!set->include_deps || !set->is_narrow); /* a reader refuses both */
    FI_TRY_RETURN(fi_buf_append_u8(out, (uint8_t)((set->include_deps ? FLAG_INCLUDE_DEPS : 0) |
                                                  (set->gitignore ? FLAG_GITIGNORE : 0) |
                                                  (set->is_narrow ? FLAG_NARROW : 0))));
    FI_TRY_RETURN(fi_buf_append_varint(out, set->file_count));
    for (size_t i = 0; i < set->file_count; i++) {
        const struct fi_rules_list_file *file = &set->files[i];
        FI_TRY_RETURN(fi_buf_append_sized(out, file->dir));
        FI_TRY_RETURN(fi_buf_append_u8(out, (uint8_t)file->kind));
        FI_TRY_RETURN(fi_buf_append_sized(out, file->content));
    }
    return FIRN_OK;
}

/* Encodes each set into `bytes` and makes a slice of each. */
static int
encode_sets(struct fi_rules_list *rules, struct fi_buf *bytes, firn_slice *slices)
{
    for (size_t i = 0; i < rules->set_count; i++) {
        size_t begin = bytes->size;
        FI_TRY_RETURN(append_set(&rules->sets[i], bytes));
        slices[i].size = bytes->size - begin;
    }
    size_t at = 0;
    for (size_t i = 0; i < rules->set_count; i++) {
        slices[i].data = bytes->data + at;
        at += slices[i].size;
    }
    DCHECK(at == bytes->size);
    return FIRN_OK;
}

/* Sorts and removes duplicates; returns how many are left. */
static size_t
put_in_order(firn_slice *slices, size_t count)
{
    size_t kept = 0;
    fi_sort(slices, count, sizeof *slices, compare_slices);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || !fi_slice_equal(slices[kept - 1], slices[i])) {
            slices[kept++] = slices[i];
        }
    }
    DCHECK(kept > 0 && kept <= count);
    return kept;
}

/* Whether any of the sets from `first` on is one of format 2. */
static bool
has_narrow(const struct fi_rules_list *rules, size_t first)
{
    for (size_t i = first; i < rules->set_count; i++) {
        if (rules->sets[i].is_narrow) {
            return true;
        }
    }
    return false;
}

static int
append_all(struct fi_buf *out, uint8_t format, const firn_slice *slices, size_t count)
{
    fi_buf_clear(out);
    FI_TRY_RETURN(fi_buf_append_u8(out, format));
    FI_TRY_RETURN(fi_buf_append_varint(out, count));
    for (size_t i = 0; i < count; i++) {
        FI_TRY_RETURN(fi_buf_append_slice(out, slices[i]));
    }
    return FIRN_OK;
}

int
fi_rules_list_encode(struct fi_rules_list *rules, struct fi_buf *out, firn_error *err)
{
    CHECK(rules->set_count > 0);
    struct fi_buf bytes = {0};
    firn_slice *slices = fi_alloc_array(rules->set_count, sizeof *slices);
    int rc = slices != NULL ? encode_sets(rules, &bytes, slices) : FIRN_NO_MEMORY;
    if (rc == FIRN_OK) {
        size_t count = put_in_order(slices, rules->set_count);
        rc = append_all(out, has_narrow(rules, 0) ? FORMAT_NARROW : FORMAT_FIRST, slices, count);
        if (rc == FIRN_OK &&
            (out->size > FI_RULES_LIST_SIZE_MAX || count > FI_RULES_LIST_SETS_MAX)) {
            rc = fi_error_set(err, FIRN_LIMIT,
                              "cannot keep the rules of this checkpoint: %zu different sets of "
                              "%zu bytes in all",
                              count, out->size);
        }
    }
    fi_free(slices);
    fi_buf_deinit(&bytes);
    return rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "the rules of a checkpoint") : rc;
}

/* ---- reading ---- */

/* Whether it is empty, or consists of names that may be in a tree, with single slashes between. */
static bool
is_dir_path(firn_slice path)
{
    if (path.size > FI_TREE_PATH_SIZE_MAX) {
        return false;
    }
    while (path.size > 0) {
        const uint8_t *slash = memchr(path.data, '/', path.size);
        size_t size = slash != NULL ? (size_t)(slash - path.data) : path.size;
        size_t taken = slash != NULL ? size + 1 : size;
        if (!fi_tree_name_is_valid(firn_bytes(path.data, size)) ||
            (slash != NULL && taken == path.size)) {
            return false;
        }
        path = firn_bytes(path.data + taken, path.size - taken);
    }
    return true;
}

static bool
read_file(struct fi_reader *reader, bool gitignore, struct fi_rules_list_file *out)
{
    uint8_t kind;
    if (!fi_reader_sized(reader, FI_TREE_PATH_SIZE_MAX, &out->dir) ||
        !fi_reader_u8(reader, &kind) || kind < 1 || kind > FI_RULES_LIST_KIND_COUNT ||
        !fi_reader_sized(reader, FI_RULES_IGNORE_FILE_SIZE_MAX, &out->content)) {
        return false;
    }
    out->kind = (enum fi_rules_list_kind)kind;
    return is_dir_path(out->dir) &&
           (out->kind != FI_RULES_LIST_CHKPTIGNORE || out->dir.size == 0) &&
           (out->kind != FI_RULES_LIST_GITIGNORE || gitignore);
}

/* On FIRN_CORRUPT the error has no text yet. */
static int
read_set(struct fi_reader *reader, size_t files_max, struct fi_rules_list *rules)
{
    uint8_t flags;
    uint64_t count;
    /* A file takes at least three bytes, which limits the memory that a wrong count can claim. */
    if (!fi_reader_u8(reader, &flags) ||
        flags > (FLAG_INCLUDE_DEPS | FLAG_GITIGNORE | FLAG_NARROW) ||
        (flags & (FLAG_INCLUDE_DEPS | FLAG_NARROW)) == (FLAG_INCLUDE_DEPS | FLAG_NARROW) ||
        !fi_reader_varint_max(reader, files_max, &count) || count > fi_reader_left(reader) / 3) {
        return FIRN_CORRUPT;
    }
    struct fi_rules_list_set *set = fi_rules_list_add(rules, (size_t)count);
    if (set == NULL) {
        return FIRN_NO_MEMORY;
    }
    set->include_deps = (flags & FLAG_INCLUDE_DEPS) != 0;
    set->gitignore = (flags & FLAG_GITIGNORE) != 0;
    set->is_narrow = (flags & FLAG_NARROW) != 0;
    for (size_t i = 0; i < set->file_count; i++) {
        if (!read_file(reader, set->gitignore, &set->files[i]) ||
            (i > 0 && compare_files(&set->files[i - 1], &set->files[i]) >= 0)) {
            return FIRN_CORRUPT;
        }
    }
    return FIRN_OK;
}

static int
read_sets(struct fi_reader *reader, struct fi_rules_list *rules)
{
    uint64_t count;
    size_t files_max = FI_RULES_LIST_FILES_MAX;
    firn_slice last = {0};
    if (!fi_reader_varint_max(reader, FI_RULES_LIST_SETS_MAX, &count) || count == 0) {
        return FIRN_CORRUPT;
    }
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *begin = reader->at;
        int rc = read_set(reader, files_max, rules);
        if (rc != FIRN_OK) {
            return rc;
        }
        DCHECK(rules->sets[rules->set_count - 1].file_count <= files_max);
        files_max -= rules->sets[rules->set_count - 1].file_count;
        firn_slice bytes = firn_bytes(begin, (size_t)(reader->at - begin));
        if (i > 0 && fi_slice_compare(last, bytes) >= 0) {
            return FIRN_CORRUPT;
        }
        last = bytes;
    }
    return fi_reader_left(reader) == 0 ? FIRN_OK : FIRN_CORRUPT;
}

int
fi_rules_list_decode(firn_slice bytes, struct fi_rules_list *rules, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(bytes);
    uint8_t format;
    if (bytes.size > FI_RULES_LIST_SIZE_MAX || !fi_reader_u8(&reader, &format)) {
        return fi_error_set(err, FIRN_CORRUPT, "a checkpoint's rules have %zu bytes", bytes.size);
    }
    if (format != FORMAT_FIRST && format != FORMAT_NARROW) {
        return fi_error_set(err, FIRN_NEWER,
                            "a checkpoint's rules have format %u, this version knows %u", format,
                            FORMAT_NARROW);
    }
    size_t first = rules->set_count;
    int rc = read_sets(&reader, rules);
    if (rc == FIRN_OK && has_narrow(rules, first) != (format == FORMAT_NARROW)) {
        rc = FIRN_CORRUPT;
    }
    if (rc == FIRN_CORRUPT) {
        return fi_error_set(err, rc, "a checkpoint's rules are malformed");
    }
    return rc == FIRN_OK ? rc : fi_error_no_memory(err, "the rules of a checkpoint");
}
