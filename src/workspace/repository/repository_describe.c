/* SPDX-License-Identifier: Apache-2.0
 *
 * repository/repository_describe.c: what happened to a repository, in git's words.
 *
 * The two trees of the state are walked where they differ. A branch, tag or other reference is a
 * file below refs/ that has a hash or names another reference, or a line in packed-refs, which the
 * file outranks. So the names that may have moved are those of files that differ and of lines that
 * differ; for each of them both sides are looked up, and it is told if the values differ (I1; not
 * checked: a test packs references, which is no change). Tables of references (reftable) are
 * opaque: that they differ is all that is said. An index that git has only written anew is the same
 * (repository_index.c).
 *
 * What is read is data that anybody may have written: sizes are bounded, names and values end up
 * in one line of text without control characters, and nothing is followed. A value that makes no
 * sense is shown as "?".
 *
 * Memory: both packed-refs, or both indexes (64 MiB each at most), 16 bytes for each line and
 * each name.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/slice.h"
#include "base/sort.h"
#include "difference/difference.h"
#include "repository/repository.h"

enum {
    PACKED_SIZE_MAX = 64 << 20,
    INDEX_SIZE_MAX = 64 << 20,
    VALUE_SIZE_MAX = 4096,
    SHORT_HASH = 7,
    SHOWN_MAX = 200,
    LOOKED_UP_MAX = 10000 /* names, if more differ than are told */
};

static const char ARROW[] = " \xE2\x86\x92 ";

/* A line of packed-refs. */
struct packed {
    firn_slice name;
    firn_slice value;
};

struct fi_repository_lines {
    struct fi_buf text;
    struct packed *lines;
    size_t count;
};

/* What a reference is at one time. */
struct value {
    bool is_there;
    char text[SHOWN_MAX]; /* a hash, the name of a reference after "ref: ", or "?" */
};

struct describing {
    const struct fi_repository_side *sides[2]; /* before, after */
    struct fi_tree_lookup lookups[2];
    struct fi_repository_lines packed[2];
    struct fi_buf names; /* of references that may differ, each with a NUL */
    struct fi_buf hooks; /* of hooks that differ: one byte for what happened, the name and a NUL */
    struct fi_buf content;
    struct fi_buf last; /* the worktree that was told last */
    struct fi_buf *out;
    size_t start; /* of out */
    uint64_t items;
    bool is_head;
    bool is_index;
    bool is_config;
    bool is_packed;
    bool are_tables;
    bool are_modules;
    bool is_stash_list;
    bool is_stash;
    bool is_other;
    bool is_data; /* not only configuration and hooks */
};

/* ---- telling ---- */

/* Begins an item; false if there are too many. */
static int
begin_item(struct describing *describing, bool *out_is_told)
{
    *out_is_told = ++describing->items <= FI_REPOSITORY_ITEMS_MAX;
    return *out_is_told && describing->items > 1 ? fi_buf_append_str(describing->out, "; ")
                                                 : FIRN_OK;
}

/* Appends a text from elsewhere. */
static int
append_foreign(struct describing *describing, firn_slice text)
{
    size_t size = text.size < SHOWN_MAX ? text.size : SHOWN_MAX;
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = text.data[i];
        FI_TRY_RETURN(fi_buf_append_u8(describing->out, byte < ' ' || byte == 0x7F ? '?' : byte));
    }
    return size < text.size ? fi_buf_append_str(describing->out, "...") : FIRN_OK;
}

static int
tell(struct describing *describing, const char *before, firn_slice name, const char *after)
{
    bool is_told;
    FI_TRY_RETURN(begin_item(describing, &is_told));
    if (!is_told) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_buf_append_str(describing->out, before));
    FI_TRY_RETURN(append_foreign(describing, name));
    return fi_buf_append_str(describing->out, after);
}

/* A value as git shows it: a hash shortened, a branch without refs/heads/. */
static firn_slice
shown(const struct value *value)
{
    static const char heads[] = "refs/heads/";
    const firn_slice text = firn_str(value->text);
    if (fi_slice_has_prefix(text, firn_str(heads))) {
        return firn_bytes(text.data + sizeof heads - 1, text.size - (sizeof heads - 1));
    }
    bool is_hash = text.size >= 40;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t digit = text.data[i];
        is_hash = is_hash && ((digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f'));
    }
    return firn_bytes(text.data, is_hash ? SHORT_HASH : text.size);
}

static int
tell_values(struct describing *describing, const char *prefix, firn_slice name,
            const struct value values[2])
{
    bool is_told;
    FI_TRY_RETURN(begin_item(describing, &is_told));
    if (!is_told) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_buf_append_str(describing->out, prefix));
    FI_TRY_RETURN(append_foreign(describing, name));
    if (values[0].is_there && values[1].is_there) {
        FI_TRY_RETURN(fi_buf_append_str(describing->out, " moved "));
        FI_TRY_RETURN(append_foreign(describing, shown(&values[0])));
        FI_TRY_RETURN(fi_buf_append_str(describing->out, ARROW));
        return append_foreign(describing, shown(&values[1]));
    }
    FI_TRY_RETURN(
        fi_buf_append_str(describing->out, values[0].is_there ? " deleted (was " : " new at "));
    FI_TRY_RETURN(append_foreign(describing, shown(&values[values[0].is_there ? 0 : 1])));
    return values[0].is_there ? fi_buf_append_u8(describing->out, ')') : FIRN_OK;
}

/* ---- references ---- */

static void
take_value(firn_slice content, struct value *out)
{
    static const char prefix[] = "ref: ";
    while (content.size > 0 && content.data[content.size - 1] <= ' ') {
        content.size--;
    }
    if (fi_slice_has_prefix(content, firn_str(prefix))) {
        content = firn_bytes(content.data + sizeof prefix - 1, content.size - (sizeof prefix - 1));
    }
    if (content.size == 0 || content.size >= sizeof out->text ||
        memchr(content.data, '\0', content.size) != NULL) {
        content = firn_str("?");
    }
    memcpy(out->text, content.data, content.size);
    out->text[content.size] = '\0';
}

/* Reads a file at one time; *out_is_there is false if there is none. What is no such file has the
 * content "?". */
static int
read_file(struct describing *describing, int side, firn_slice path, size_t size_max,
          struct fi_buf *out, bool *out_is_there, firn_error *err)
{
    const struct fi_repository_side *from = describing->sides[side];
    const struct fi_tree_entry *entry;
    FI_TRY_RETURN(fi_tree_lookup_find(&describing->lookups[side], path, &entry, err));
    *out_is_there = entry != NULL && entry->kind != FI_TREE_DIR;
    fi_buf_clear(out);
    if (!*out_is_there) {
        return FIRN_OK;
    }
    int rc = FIRN_CORRUPT;
    if (entry->kind == FI_TREE_FILE && entry->size <= size_max) {
        rc = from->read(from->ctx, path, entry, out, err);
    }
    if (rc == FIRN_OK || rc == FIRN_NO_MEMORY) {
        return rc;
    }
    return fi_buf_assign(out, firn_str("?")) == FIRN_OK ? FIRN_OK
                                                        : fi_error_no_memory(err, "a reference");
}

/* Whether a file is git's index at both times, and says the same. */
static int
is_same_index(struct describing *describing, firn_slice path, bool *out, firn_error *err)
{
    struct fi_buf after = {0};
    bool is_there;
    int rc;
    FI_TRY(read_file(describing, 0, path, INDEX_SIZE_MAX, &describing->content, &is_there, err));
    FI_TRY(read_file(describing, 1, path, INDEX_SIZE_MAX, &after, &is_there, err));
    *out = fi_repository_index_is_same(fi_buf_slice(&describing->content), fi_buf_slice(&after));
out:
    fi_buf_deinit(&after);
    return rc;
}

static int
compare_lines(const void *a, const void *b)
{
    return fi_slice_compare(((const struct packed *)a)->name, ((const struct packed *)b)->name);
}

static bool
next_line(firn_slice *text, firn_slice *out)
{
    if (text->size == 0) {
        return false;
    }
    const uint8_t *end = memchr(text->data, '\n', text->size);
    size_t size = end != NULL ? (size_t)(end - text->data) : text->size;
    *out = firn_bytes(text->data, size);
    size += end != NULL ? 1 : 0;
    *text = firn_bytes(text->data + size, text->size - size);
    return true;
}

/* "<hash> <name>"; not a comment, and not the commit of a tag. */
static bool
split_line(firn_slice line, struct packed *out)
{
    const uint8_t *space = line.size > 0 ? memchr(line.data, ' ', line.size) : NULL;
    if (space == NULL || line.data[0] == '#' || line.data[0] == '^') {
        return false;
    }
    const size_t size = (size_t)(space - line.data);
    out->value = firn_bytes(line.data, size);
    out->name = firn_bytes(space + 1, line.size - size - 1);
    return fi_tree_path_is_valid(out->name) && fi_slice_has_prefix(out->name, firn_str("refs/"));
}

static int
read_packed(struct describing *describing, int side, firn_error *err)
{
    struct fi_repository_lines *packed = &describing->packed[side];
    bool is_there;
    size_t most = 1;
    firn_slice line;
    FI_TRY_RETURN(read_file(describing, side, firn_str("packed-refs"), PACKED_SIZE_MAX,
                            &packed->text, &is_there, err));
    firn_slice text = fi_buf_slice(&packed->text);
    while (next_line(&text, &line)) {
        most++;
    }
    packed->lines = fi_alloc_array(most, sizeof *packed->lines);
    if (packed->lines == NULL) {
        return fi_error_no_memory(err, "the references of a repository");
    }
    text = fi_buf_slice(&packed->text);
    while (next_line(&text, &line)) {
        packed->count += split_line(line, &packed->lines[packed->count]);
    }
    DCHECK(packed->count < most);
    fi_sort(packed->lines, packed->count, sizeof *packed->lines, compare_lines);
    return FIRN_OK;
}

static int
add_name(struct describing *describing, firn_slice name, firn_error *err)
{
    return fi_buf_append_slice(&describing->names, name) == FIRN_OK &&
                   fi_buf_append_u8(&describing->names, '\0') == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "the references of a repository");
}

/* Notes the names of all lines that differ. */
static int
compare_packed(struct describing *describing, firn_error *err)
{
    const struct fi_repository_lines *a = &describing->packed[0];
    const struct fi_repository_lines *b = &describing->packed[1];
    size_t i = 0;
    size_t j = 0;
    while (i < a->count || j < b->count) {
        int order = i == a->count   ? 1
                    : j == b->count ? -1
                                    : fi_slice_compare(a->lines[i].name, b->lines[j].name);
        if (order != 0 || !fi_slice_equal(a->lines[i].value, b->lines[j].value)) {
            FI_TRY_RETURN(
                add_name(describing, order <= 0 ? a->lines[i].name : b->lines[j].name, err));
        }
        i += order <= 0;
        j += order >= 0;
    }
    return FIRN_OK;
}

static int
look_up(struct describing *describing, int side, firn_slice name, struct value *out,
        firn_error *err)
{
    const struct fi_repository_lines *packed = &describing->packed[side];
    FI_TRY_RETURN(read_file(describing, side, name, VALUE_SIZE_MAX, &describing->content,
                            &out->is_there, err));
    if (out->is_there) {
        take_value(fi_buf_slice(&describing->content), out);
        return FIRN_OK;
    }
    size_t low = 0;
    size_t high = packed->count;
    FI_SEARCH_FIRST(low, high, middle, fi_slice_compare(packed->lines[middle].name, name) < 0);
    out->is_there = low < packed->count && fi_slice_equal(packed->lines[low].name, name);
    if (out->is_there) {
        take_value(packed->lines[low].value, out);
    }
    return FIRN_OK;
}

static bool
is_same(const struct value values[2])
{
    return values[0].is_there == values[1].is_there &&
           (!values[0].is_there || strcmp(values[0].text, values[1].text) == 0);
}

static int
tell_reference(struct describing *describing, firn_slice name, firn_error *err)
{
    static const struct {
        const char *prefix;
        const char *word;
    } kinds[] = {{"refs/heads/", "branch "},
                 {"refs/tags/", "tag "},
                 {"refs/remotes/", "remote branch "},
                 {"refs/notes/", "notes "}};
    struct value values[2];
    for (int side = 0; side < 2; side++) {
        FI_TRY_RETURN(look_up(describing, side, name, &values[side], err));
    }
    if (is_same(values)) { /* (I1) */
        return FIRN_OK;
    }
    const char *word = "";
    if (fi_slice_equal(name, firn_str("refs/stash"))) {
        describing->is_stash = true;
        name = firn_str("stash");
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (fi_slice_has_prefix(name, firn_str(kinds[i].prefix))) {
            const size_t size = strlen(kinds[i].prefix);
            name = firn_bytes(name.data + size, name.size - size);
            word = kinds[i].word;
            break;
        }
    }
    return tell_values(describing, word, name, values) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a text");
}

static int
compare_names(const void *a, const void *b)
{
    return fi_slice_compare(*(const firn_slice *)a, *(const firn_slice *)b);
}

static int
tell_references(struct describing *describing, firn_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < describing->names.size; i++) {
        count += describing->names.data[i] == '\0';
    }
    firn_slice *names = fi_alloc_array(count + 1, sizeof *names);
    int rc = FIRN_OK;
    if (names == NULL) {
        return fi_error_no_memory(err, "the references of a repository");
    }
    for (size_t i = 0, at = 0; i < count; i++) {
        names[i] = firn_str((const char *)describing->names.data + at);
        at += names[i].size + 1;
    }
    fi_sort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && fi_slice_equal(names[i - 1], names[i])) {
            continue;
        }
        if (i < LOOKED_UP_MAX || describing->items <= FI_REPOSITORY_ITEMS_MAX) {
            FI_TRY(tell_reference(describing, names[i], err));
        } else {
            describing->items++; /* it is only counted, and probably differs */
        }
    }
out:
    fi_free(names);
    return rc;
}

/* ---- other things ---- */

static int
tell_head(struct describing *describing, firn_error *err)
{
    struct value values[2];
    if (!describing->is_head) {
        return FIRN_OK;
    }
    for (int side = 0; side < 2; side++) {
        bool is_there;
        FI_TRY_RETURN(read_file(describing, side, firn_str("HEAD"), VALUE_SIZE_MAX,
                                &describing->content, &is_there, err));
        values[side].is_there = is_there;
        take_value(fi_buf_slice(&describing->content), &values[side]);
    }
    return tell_values(describing, "HEAD", firn_str(""), values);
}

static int
tell_hooks(struct describing *describing)
{
    static const char *const happened[] = {" deleted", " changed", " new"};
    for (size_t at = 0; at < describing->hooks.size;) {
        const uint8_t what = describing->hooks.data[at];
        const firn_slice name = firn_str((const char *)describing->hooks.data + at + 1);
        FI_TRY_RETURN(tell(describing, "hook ", name, happened[what]));
        at += name.size + 2;
    }
    return FIRN_OK;
}

static int
tell_rest(struct describing *describing)
{
    const struct {
        bool is_told;
        const char *text;
    } items[] = {
        {describing->are_tables, "references changed (reftable)"},
        {describing->is_stash_list && !describing->is_stash, "list of stashes changed"},
        {describing->is_index, "index changed"},
        {describing->is_config, "config changed"},
        {describing->are_modules, "repositories of submodules changed"},
    };
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        if (items[i].is_told) {
            FI_TRY_RETURN(tell(describing, items[i].text, firn_str(""), ""));
        }
    }
    describing->is_data = describing->items > (uint64_t)describing->is_config;
    FI_TRY_RETURN(tell_hooks(describing));
    if (describing->items == 0 && describing->is_other) {
        return tell(describing, "logs and notes of git changed", firn_str(""), "");
    }
    return describing->items > FI_REPOSITORY_ITEMS_MAX
               ? fi_buf_append_format(
                     describing->out, "; and %llu more",
                     (unsigned long long)(describing->items - FI_REPOSITORY_ITEMS_MAX))
               : FIRN_OK;
}

/* ---- what differs ---- */

static bool
is_below(firn_slice path, const char *dir)
{
    return fi_slice_has_prefix(path, firn_str(dir));
}

static int
note_hook(struct describing *describing, const struct fi_difference_walk_change *change,
          size_t prefix)
{
    const uint8_t what = change->before == NULL ? 2 : change->after == NULL ? 0 : 1;
    FI_TRY_RETURN(fi_buf_append_u8(&describing->hooks, what));
    FI_TRY_RETURN(
        fi_buf_append(&describing->hooks, change->path.data + prefix, change->path.size - prefix));
    return fi_buf_append_u8(&describing->hooks, '\0');
}

/* worktrees/NAME, and what is in it. */
static int
tell_worktree(struct describing *describing, const struct fi_difference_walk_change *change,
              size_t prefix)
{
    const firn_slice rest = firn_bytes(change->path.data + prefix, change->path.size - prefix);
    const uint8_t *slash = memchr(rest.data, '/', rest.size);
    const firn_slice name =
        firn_bytes(rest.data, slash != NULL ? (size_t)(slash - rest.data) : rest.size);
    if (fi_slice_equal(name, fi_buf_slice(&describing->last))) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_buf_assign(&describing->last, name));
    const char *text = slash != NULL            ? " changed"
                       : change->before == NULL ? " new"
                       : change->after == NULL  ? " removed"
                                                : " changed";
    return tell(describing, "worktree ", name, text);
}

static int
tell_operation(struct describing *describing, const char *name, bool begins)
{
    return tell(describing, name, firn_str(""), begins ? " begun" : " ended");
}

static bool
ends_with(firn_slice path, const char *name)
{
    const size_t size = strlen(name);
    return path.size >= size && memcmp(path.data + path.size - size, name, size) == 0;
}

static bool
has(firn_slice path, const char *dir)
{
    const size_t size = strlen(dir);
    size_t at = 0;
    while (at + size <= path.size && memcmp(path.data + at, dir, size) != 0) {
        at++;
    }
    return at + size <= path.size;
}

/* Whether it may be a configuration of a submodule or worktree, which a restore may leave out; a
 * branch may have such a name, too. */
static bool
is_inner_config(firn_slice path)
{
    return (ends_with(path, "/config") || ends_with(path, "/config.worktree") ||
            has(path, "/hooks/")) &&
           !has(path, "refs/");
}

/* A file or directory, other than a reference. */
static int
note_entry(struct describing *describing, const struct fi_difference_walk_change *change,
           bool is_dir)
{
    static const struct {
        const char *path;
        const char *name;
    } operations[] = {{"MERGE_HEAD", "merge"},    {"CHERRY_PICK_HEAD", "cherry-pick"},
                      {"REVERT_HEAD", "revert"},  {"BISECT_LOG", "bisect"},
                      {"rebase-merge", "rebase"}, {"rebase-apply", "rebase"}};
    const firn_slice path = change->path;
    const bool comes_or_goes = change->before == NULL || change->after == NULL;
    for (size_t i = 0; comes_or_goes && i < sizeof operations / sizeof operations[0]; i++) {
        if (fi_slice_equal(path, firn_str(operations[i].path))) {
            return tell_operation(describing, operations[i].name, change->before == NULL);
        }
    }
    if (is_inner_config(path)) {
        describing->is_config = true;
        return FIRN_OK;
    }
    if (is_below(path, "worktrees/") && (!is_dir || comes_or_goes)) {
        return tell_worktree(describing, change, sizeof "worktrees/" - 1);
    }
    if (is_dir) {
        return FIRN_OK;
    }
    if (is_below(path, "hooks/")) {
        return note_hook(describing, change, sizeof "hooks/" - 1);
    }
    describing->is_head = describing->is_head || fi_slice_equal(path, firn_str("HEAD"));
    describing->is_index = describing->is_index || fi_slice_equal(path, firn_str("index"));
    describing->is_config = describing->is_config || is_below(path, "config");
    describing->is_packed = describing->is_packed || fi_slice_equal(path, firn_str("packed-refs"));
    describing->are_tables = describing->are_tables || is_below(path, "reftable/");
    describing->are_modules = describing->are_modules || is_below(path, "modules/");
    describing->is_stash_list =
        describing->is_stash_list || fi_slice_equal(path, firn_str("logs/refs/stash"));
    describing->is_other = true;
    return FIRN_OK;
}

static int
note_change(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct describing *describing = ctx;
    const struct fi_tree_entry *entry = change->after != NULL ? change->after : change->before;
    if (change->path.size == 0 || change->kind == FI_DIFFERENCE_WALK_SAME ||
        (change->kind == FI_DIFFERENCE_WALK_CHANGED && change->what == FI_DIFFERENCE_WALK_MTIME)) {
        return FIRN_OK;
    }
    const bool is_dir = entry->kind == FI_TREE_DIR;
    if (!is_dir && is_below(change->path, "refs/")) {
        return add_name(describing, change->path, err);
    }
    if (!is_dir && ends_with(change->path, "index")) { /* or a branch of that name */
        bool is_same = false;
        FI_TRY_RETURN(is_same_index(describing, change->path, &is_same, err));
        if (is_same) {
            return FIRN_OK;
        }
    }
    return note_entry(describing, change, is_dir) == FIRN_OK ? FIRN_OK
                                                             : fi_error_no_memory(err, "a text");
}

static int
describe_directories(struct describing *describing, firn_error *err)
{
    const struct fi_difference_walk_options options = {0};
    struct fi_tree_entry roots[2];
    struct fi_difference_walk_side sides[2];
    for (int i = 0; i < 2; i++) {
        roots[i] = *describing->sides[i]->entry;
        roots[i].name = firn_bytes(NULL, 0);
        sides[i] = (struct fi_difference_walk_side){describing->sides[i]->source, &roots[i]};
    }
    FI_TRY_RETURN(fi_difference_walk(&sides[0], &sides[1], &options, note_change, describing, err));
    FI_TRY_RETURN(tell_head(describing, err));
    if (describing->is_packed || describing->names.size > 0) {
        FI_TRY_RETURN(read_packed(describing, 0, err));
        FI_TRY_RETURN(read_packed(describing, 1, err));
        FI_TRY_RETURN(compare_packed(describing, err));
        FI_TRY_RETURN(tell_references(describing, err));
    }
    return tell_rest(describing) == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a text");
}

static void
describing_deinit(struct describing *describing)
{
    for (int i = 0; i < 2; i++) {
        fi_tree_lookup_deinit(&describing->lookups[i]);
        fi_buf_deinit(&describing->packed[i].text);
        fi_free(describing->packed[i].lines);
    }
    fi_buf_deinit(&describing->names);
    fi_buf_deinit(&describing->hooks);
    fi_buf_deinit(&describing->content);
    fi_buf_deinit(&describing->last);
}

/* What is said where .git is no directory at both times; NULL if it is one. */
static const char *
whole_change(const struct fi_tree_entry *before, const struct fi_tree_entry *after)
{
    if (before == NULL || after == NULL) {
        return before == after ? "" : after == NULL ? "missing" : "new";
    }
    if (before->kind == FI_TREE_DIR && after->kind == FI_TREE_DIR) {
        return NULL;
    }
    if (before->kind != after->kind) {
        return after->kind == FI_TREE_DIR ? "a directory now" : "no directory any more";
    }
    return fi_hash_equal(&before->hash, &after->hash) &&
                   fi_slice_equal(before->target, after->target)
               ? ""
               : "names another directory";
}

int
fi_repository_describe(const struct fi_repository_side *before,
                       const struct fi_repository_side *after, struct fi_buf *out,
                       bool *out_is_data, firn_error *err)
{
    struct describing describing = {.sides = {before, after}, .out = out, .start = out->size};
    const char *whole = whole_change(before->entry, after->entry);
    *out_is_data = true;
    if (whole != NULL) {
        return fi_buf_append_str(out, whole) == FIRN_OK ? FIRN_OK
                                                        : fi_error_no_memory(err, "a text");
    }
    for (int i = 0; i < 2; i++) {
        fi_tree_lookup_init(&describing.lookups[i], describing.sides[i]->source,
                            &describing.sides[i]->entry->hash);
    }
    int rc = describe_directories(&describing, err);
    *out_is_data = describing.is_data;
    describing_deinit(&describing);
    return rc;
}
