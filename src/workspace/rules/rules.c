/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/rules.c: what one walk leaves out, and the rules object of a walk.
 *
 * Rule files form layers. Entering a directory with a rule file puts it on top of those of its kind
 * further up. An entry is judged from the highest kind to the lowest, and within a kind from the
 * deepest directory upwards; the first file in which a pattern matches decides, by its last such
 * pattern. So a rule of .firnignore outranks any of .gitignore, and a deeper file outranks a higher
 * one. If no rule matches, the default exclusions apply: they are the lowest rules, and a `!` in
 * any file lifts them. No rule lifts the exclusion of version control's own directories.
 *
 * A directory that is left out is not entered, so a rule further down cannot bring back what is in
 * it. Git does the same, and this is what makes leaving out cheap.
 *
 * In addition to the rules on disk there may be stored *sets*, under which a checkpoint was saved.
 * Each is applied by itself, with its own files and its own options, and what any set excludes is
 * left out (I1; not checked: rules.c asks each). For a restore must touch neither what the
 * checkpoint did not cover nor what the user now excludes. Usually a stored set is the same as the
 * rules on disk. As long as all files on the way down were equal, it shares the layers of the disk
 * and is not asked a second time (I2).
 *
 * Scopes. A scope holds, for each set, the top layer of each kind. Most directories have no rule
 * file and share the scope of the directory above. Scopes, layers and files never change and live
 * until the end of the walk, so a directory needs only a pointer to its scope, and any
 * thread may follow it without a lock (I3; not checked: pointers to them are const). The mutex
 * guards only the lists of all of them, which are needed to free them and to write them into the
 * rules object.
 *
 * Limits: one rule file (rules_internal.h), all on disk together (rules.h). A file beyond its
 * own limit is reported and not used. Beyond the common limit the walk ends, because the order of
 * threads would determine which file is the one too many.
 */
#include "rules/rules_internal.h"

#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/slice.h"
#include "base/sort.h"
#include "rules/rules.h"
#include "tree/tree.h"

/* ---- the whole ---- */

static struct fi_rules_walk_scope *
create_scope(const struct fi_rules_walk *ignore)
{
    return fi_alloc_zeroed(sizeof(struct fi_rules_walk_scope) +
                           ignore->view_count * sizeof(struct fi_rules_walk_view));
}

int
fi_rules_walk_create(struct fi_os *os, const struct fi_rules_walk_options *options,
                     struct fi_rules_walk **out, firn_error *err)
{
    *out = NULL;
    struct fi_rules_walk *ignore = fi_alloc_zeroed(sizeof *ignore);
    if (ignore == NULL) {
        return fi_error_no_memory(err, "rules");
    }
    ignore->os = os;
    ignore->options = *options;
    ignore->view_count = 1 + (options->stored != NULL ? options->stored->set_count : 0);
    fi_os_mutex_init(os, &ignore->mutex, FI_LOCK_WORKSPACE_TREE);
    ignore->outermost = create_scope(ignore);
    if (ignore->outermost == NULL) {
        fi_rules_walk_destroy(ignore);
        return fi_error_no_memory(err, "rules");
    }
    for (size_t i = 1; i < ignore->view_count; i++) {
        const struct fi_rules_list_set *set = fi_rules_walk_stored_set(ignore, i);
        ignore->outermost->views[i].is_as_today =
            set->include_deps == options->include_deps && (set->is_narrow || set->include_deps);
    }
    *out = ignore;
    return FIRN_OK;
}

static void
destroy_layer(struct fi_rules_walk_layer *layer)
{
    if (layer != NULL) {
        fi_rules_ignore_file_destroy(layer->file);
        fi_free(layer->dir);
        fi_free(layer);
    }
}

void
fi_rules_walk_destroy(struct fi_rules_walk *ignore)
{
    if (ignore == NULL) {
        return;
    }
    while (ignore->layers != NULL) {
        struct fi_rules_walk_layer *layer = ignore->layers;
        ignore->layers = layer->next;
        destroy_layer(layer);
    }
    while (ignore->scopes != NULL) {
        struct fi_rules_walk_scope *scope = ignore->scopes;
        ignore->scopes = scope->next;
        fi_free(scope);
    }
    fi_free(ignore->outermost);
    fi_buf_deinit(&ignore->left_out);
    fi_os_mutex_deinit(&ignore->mutex);
    fi_free(ignore);
}

const struct fi_rules_walk_scope *
fi_rules_walk_outermost(const struct fi_rules_walk *ignore)
{
    return ignore->outermost;
}

/* ---- rule files on disk ---- */

bool
fi_rules_walk_is_rule_file(const struct fi_rules_walk *ignore, firn_slice name, bool is_root,
                           enum fi_rules_list_kind *out_kind)
{
    for (int i = 1; i <= FI_RULES_WALK_KINDS; i++) {
        enum fi_rules_list_kind kind = (enum fi_rules_list_kind)i;
        bool counts = (kind != FI_RULES_LIST_CHKPTIGNORE || is_root) &&
                      (kind != FI_RULES_LIST_GITIGNORE || ignore->options.gitignore);
        if (counts && fi_slice_equal(name, firn_str(fi_rules_list_name(kind)))) {
            *out_kind = kind;
            return true;
        }
    }
    return false;
}

void
fi_rules_walk_files_deinit(struct fi_rules_walk_files *files)
{
    for (size_t i = 0; i < FI_RULES_WALK_KINDS; i++) {
        fi_rules_ignore_file_destroy(files->files[i]);
        files->files[i] = NULL;
    }
}

/* ---- entering ---- */

/* The first file of a set in a directory, or the place where it would be. */
static size_t
find_stored(const struct fi_rules_list_set *set, firn_slice path)
{
    size_t at = 0;
    size_t end = set->file_count;
    FI_SEARCH_FIRST(at, end, i, fi_slice_compare(set->files[i].dir, path) < 0);
    return at;
}

/* A set's files in one directory: by kind - 1; content.data is NULL if there is none. */
struct contents {
    firn_slice of[FI_RULES_WALK_KINDS];
    bool any;
};

static struct contents
stored_contents(const struct fi_rules_list_set *set, firn_slice path)
{
    struct contents contents = {0};
    DCHECK(find_stored(set, path) <= set->file_count);
    for (size_t i = find_stored(set, path);
         i < set->file_count && fi_slice_equal(set->files[i].dir, path); i++) {
        CHECK((unsigned)set->files[i].kind - 1 < FI_RULES_WALK_KINDS);
        contents.of[set->files[i].kind - 1] = set->files[i].content;
        contents.any = true;
    }
    return contents;
}

static struct contents
contents_on_disk(const struct fi_rules_walk_files *files)
{
    struct contents contents = {0};
    for (size_t i = 0; i < FI_RULES_WALK_KINDS; i++) {
        if (files->files[i] != NULL) {
            contents.of[i] = fi_rules_ignore_file_content(files->files[i]);
            contents.any = true;
        }
    }
    return contents;
}

static bool
contents_are_equal(const struct contents *a, const struct contents *b)
{
    for (size_t i = 0; i < FI_RULES_WALK_KINDS; i++) {
        bool is_in_both = a->of[i].data != NULL && b->of[i].data != NULL;
        bool is_in_none = a->of[i].data == NULL && b->of[i].data == NULL;
        if (!is_in_none && !(is_in_both && fi_slice_equal(a->of[i], b->of[i]))) {
            return false;
        }
    }
    return true;
}

/* A directory while it is entered: the new parts, until they are published. */
struct entering {
    struct fi_rules_walk *ignore;
    const struct fi_rules_walk_scope *above;
    firn_slice path;
    struct fi_rules_walk_scope *scope;
    struct fi_rules_walk_layer *layers;
};

/* Takes ownership of the file, even if it fails. */
static int
put_on_top(struct entering *entering, struct fi_rules_walk_view *view, enum fi_rules_list_kind kind,
           bool is_stored, struct fi_rules_ignore_file *file)
{
    struct fi_rules_walk_layer *layer = fi_alloc_zeroed(sizeof *layer);
    if (layer == NULL) {
        fi_rules_ignore_file_destroy(file);
        return FIRN_NO_MEMORY;
    }
    *layer =
        (struct fi_rules_walk_layer){.above = view->tops[kind - 1],
                                     .file = file,
                                     .kind = kind,
                                     .is_stored = is_stored,
                                     .dir = fi_memdup(entering->path.data, entering->path.size),
                                     .dir_size = entering->path.size,
                                     .next = entering->layers};
    /* The layer above is of a directory further up, so following the layers comes to an end. */
    DCHECK(layer->above == NULL || layer->above->dir_size < layer->dir_size);
    entering->layers = layer;
    view->tops[kind - 1] = layer;
    return layer->dir != NULL ? FIRN_OK : FIRN_NO_MEMORY;
}

static int
enter_today(struct entering *entering, struct fi_rules_walk_files *files)
{
    for (int i = 1; i <= FI_RULES_WALK_KINDS; i++) {
        struct fi_rules_ignore_file *file = files->files[i - 1];
        files->files[i - 1] = NULL;
        if (file != NULL && put_on_top(entering, &entering->scope->views[0],
                                       (enum fi_rules_list_kind)i, false, file) != FIRN_OK) {
            return FIRN_NO_MEMORY;
        }
    }
    return FIRN_OK;
}

static int
enter_stored(struct entering *entering, size_t index, const struct contents *today, firn_error *err)
{
    DCHECK(index >= 1 && index < entering->ignore->view_count);
    const struct fi_rules_list_set *set = fi_rules_walk_stored_set(entering->ignore, index);
    struct fi_rules_walk_view *view = &entering->scope->views[index];
    struct contents contents = stored_contents(set, entering->path);
    if (view->is_as_today && contents_are_equal(&contents, today)) {
        return FIRN_OK;
    }
    if (view->is_as_today) {
        DCHECK(entering->above->views[index].is_as_today); /* (I2): down to here */
        view->is_as_today = false;
        memcpy(view->tops, entering->above->views[0].tops, sizeof view->tops);
    }
    for (int i = 1; i <= FI_RULES_WALK_KINDS; i++) {
        struct fi_rules_ignore_file *file;
        if (contents.of[i - 1].data == NULL) {
            continue;
        }
        int rc = fi_rules_ignore_file_create(contents.of[i - 1], NULL, NULL, &file, err);
        if (rc == FIRN_OK) {
            rc = put_on_top(entering, view, (enum fi_rules_list_kind)i, true, file);
        }
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

/* Adds the directory's files on disk to the count of all; false if there are too many. */
static bool
count_files_locked(struct fi_rules_walk *ignore, firn_slice path, const struct contents *today)
{
    fi_os_mutex_assert_held(&ignore->mutex);
    for (size_t i = 0; i < FI_RULES_WALK_KINDS; i++) {
        if (today->of[i].data != NULL) {
            ignore->files_size += today->of[i].size + path.size + 16;
            ignore->file_count++;
        }
    }
    return ignore->files_size <= FI_RULES_LIST_FILES_SIZE_MAX;
}

/* Adds the new parts to the lists. */
static void
rules_publish(struct entering *entering)
{
    struct fi_rules_walk *ignore = entering->ignore;
    DCHECK(entering->scope->next == NULL && !entering->scope->views[0].is_as_today);
    fi_os_mutex_lock(&ignore->mutex);
    while (entering->layers != NULL) {
        struct fi_rules_walk_layer *layer = entering->layers;
        entering->layers = layer->next;
        layer->next = ignore->layers;
        ignore->layers = layer;
    }
    entering->scope->next = ignore->scopes;
    ignore->scopes = entering->scope;
    fi_os_mutex_unlock(&ignore->mutex);
}

/* Whether the directory changes anything for a set. */
static bool
is_of_interest(const struct fi_rules_walk *ignore, firn_slice path, const struct contents *today)
{
    if (today->any) {
        return true;
    }
    for (size_t i = 1; i < ignore->view_count; i++) {
        const struct fi_rules_list_set *set = fi_rules_walk_stored_set(ignore, i);
        if (set->file_count > 0 && stored_contents(set, path).any) {
            return true;
        }
    }
    return false;
}

static int
build_scope(struct entering *entering, struct fi_rules_walk_files *files,
            const struct contents *today, firn_error *err)
{
    struct fi_rules_walk *ignore = entering->ignore;
    entering->scope = create_scope(ignore);
    if (entering->scope == NULL) {
        return fi_error_no_memory(err, "rules");
    }
    memcpy(entering->scope->views, entering->above->views,
           ignore->view_count * sizeof(struct fi_rules_walk_view));
    int rc;
    for (size_t i = 1; i < ignore->view_count; i++) {
        FI_TRY(enter_stored(entering, i, today, err));
    }
    FI_TRY(enter_today(entering, files));
out:
    return rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "rules") : rc;
}

int
fi_rules_walk_enter(struct fi_rules_walk *ignore, const struct fi_rules_walk_scope *above,
                    firn_slice path, struct fi_rules_walk_files *files,
                    const struct fi_rules_walk_scope **out, firn_error *err)
{
    struct entering entering = {.ignore = ignore, .above = above, .path = path};
    struct contents today = contents_on_disk(files);
    *out = above;
    if (!is_of_interest(ignore, path, &today)) {
        return FIRN_OK;
    }
    fi_os_mutex_lock(&ignore->mutex);
    bool fits = count_files_locked(ignore, path, &today);
    fi_os_mutex_unlock(&ignore->mutex);
    int rc = fits ? build_scope(&entering, files, &today, err)
                  : fi_error_set(err, FIRN_LIMIT,
                                 "the rule files of the workspace have more than %d bytes in all: "
                                 "shorten them, or save without those of git",
                                 FI_RULES_LIST_FILES_SIZE_MAX);
    fi_rules_walk_files_deinit(files);
    if (rc == FIRN_OK) {
        rules_publish(&entering);
        *out = entering.scope;
        return FIRN_OK;
    }
    while (entering.layers != NULL) {
        struct fi_rules_walk_layer *layer = entering.layers;
        entering.layers = layer->next;
        destroy_layer(layer);
    }
    fi_free(entering.scope);
    return rc;
}

/* ---- afterwards ---- */

static int
collect_today(const struct fi_rules_walk *ignore, struct fi_rules_list *rules)
{
    struct fi_rules_list_set *set = fi_rules_list_add(rules, ignore->file_count);
    if (set == NULL) {
        return FIRN_NO_MEMORY;
    }
    set->include_deps = ignore->options.include_deps;
    set->is_narrow = !set->include_deps;
    set->gitignore = ignore->options.gitignore;
    set->file_count = 0;
    for (const struct fi_rules_walk_layer *layer = ignore->layers; layer != NULL;
         layer = layer->next) {
        if (!layer->is_stored) {
            CHECK(set->file_count < ignore->file_count);
            set->files[set->file_count++] =
                (struct fi_rules_list_file){.dir = firn_bytes(layer->dir, layer->dir_size),
                                            .kind = layer->kind,
                                            .content = fi_rules_ignore_file_content(layer->file)};
        }
    }
    return FIRN_OK;
}

static int
collect_stored(const struct fi_rules_list *stored, struct fi_rules_list *rules)
{
    for (size_t i = 0; stored != NULL && i < stored->set_count; i++) {
        const struct fi_rules_list_set *from = &stored->sets[i];
        struct fi_rules_list_set *set = fi_rules_list_add(rules, from->file_count);
        if (set == NULL) {
            return FIRN_NO_MEMORY;
        }
        set->include_deps = from->include_deps;
        set->is_narrow = from->is_narrow;
        set->gitignore = from->gitignore;
        for (size_t k = 0; k < from->file_count; k++) {
            set->files[k] = from->files[k];
        }
    }
    return FIRN_OK;
}

int
fi_rules_walk_encode(struct fi_rules_walk *ignore, struct fi_buf *out, firn_error *err)
{
    struct fi_rules_list rules = {0};
    fi_buf_clear(out);
    int rc = collect_today(ignore, &rules);
    if (rc == FIRN_OK) {
        rc = collect_stored(ignore->options.stored, &rules);
    }
    if (rc == FIRN_OK) {
        rc = fi_rules_left_out_collect(ignore, &rules);
    }
    if (rc != FIRN_OK) {
        rc = fi_error_no_memory(err, "rules");
    } else if (!fi_rules_list_are_plain(&rules)) {
        rc = fi_rules_list_encode(&rules, out, err);
    }
    fi_rules_list_deinit(&rules);
    return rc;
}

/* What the rules in effect in a directory say about an entry of it.
 *
 * No rule includes a reserved name (tree_reserved.c). For other names the first pattern that
 * matches decides: from the highest kind to the lowest, within a kind from the deepest file
 * upwards, within a file from the last line to the first. If none matches, the default exclusions
 * decide. All layers and scopes are immutable, so nothing here locks, allocates or fails; one call
 * costs as much as the patterns on the way up (rules_ignore.c bounds each). */

enum verdict { SAYS_NOTHING, SAYS_EXCLUDED, SAYS_KEPT };

static enum verdict
rules_query(const struct fi_rules_walk_view *view, const struct fi_rules_walk_entry *entry,
            struct fi_rules_walk_reason *out_reason)
{
    firn_slice path = entry->path;
    DCHECK(entry->name_size > 0 && entry->name_size <= path.size);
    struct fi_rules_ignore_pattern_entry seen = {.is_dir = entry->is_dir};
    seen.name = firn_bytes(path.data + path.size - entry->name_size, entry->name_size);
    for (size_t i = 0; i < FI_RULES_WALK_KINDS; i++) {
        for (const struct fi_rules_walk_layer *layer = view->tops[i]; layer != NULL;
             layer = layer->above) {
            size_t skipped = layer->dir_size > 0 ? layer->dir_size + 1 : 0;
            DCHECK(skipped < path.size); /* the entry is below the rule file's directory */
            seen.path = firn_bytes(path.data + skipped, path.size - skipped);
            const struct fi_rules_ignore_pattern *pattern =
                fi_rules_ignore_file_find(layer->file, &seen);
            if (pattern != NULL) {
                *out_reason =
                    (struct fi_rules_walk_reason){.pattern = pattern,
                                                  .dir = firn_bytes(path.data, layer->dir_size),
                                                  .kind = layer->kind,
                                                  .is_stored = layer->is_stored};
                return pattern->is_negated ? SAYS_KEPT : SAYS_EXCLUDED;
            }
        }
    }
    return SAYS_NOTHING;
}

/* Name of the directory that an entry is in. */
static firn_slice
parent_of(const struct fi_rules_walk_entry *entry)
{
    DCHECK(entry->name_size > 0 && entry->name_size <= entry->path.size);
    size_t end = entry->path.size - entry->name_size;
    end -= end > 0 ? 1 : 0; /* the slash */
    size_t begin = end;
    while (begin > 0 && entry->path.data[begin - 1] != '/') {
        begin--;
    }
    return firn_bytes(entry->path.data + begin, end - begin);
}

static bool
is_narrow(const struct fi_rules_walk *ignore, size_t view)
{
    return view == 0 || fi_rules_walk_stored_set(ignore, view)->is_narrow;
}

static bool
include_deps_of(const struct fi_rules_walk *ignore, size_t view)
{
    return view == 0 ? ignore->options.include_deps
                     : fi_rules_walk_stored_set(ignore, view)->include_deps;
}

/* inside: NULL as long as the directory's contents are not known. */
static bool
rules_excludes(const struct fi_rules_walk *ignore, const struct fi_rules_walk_scope *scope,
               const struct fi_rules_walk_entry *entry,
               const struct fi_rules_exclude_inside *inside,
               struct fi_rules_walk_reason *out_reason)
{
    struct fi_rules_exclude_entry plain = {
        .name =
            firn_bytes(entry->path.data + entry->path.size - entry->name_size, entry->name_size),
        .is_dir = entry->is_dir,
        .is_link = entry->is_link,
        .is_beside_manifest = entry->is_beside_manifest,
        .parent = parent_of(entry)};
    DCHECK(!scope->views[0].is_as_today); /* the rules on disk are always asked */
    for (size_t i = 0; i < ignore->view_count; i++) {
        if (scope->views[i].is_as_today) {
            continue;
        }
        enum verdict verdict = rules_query(&scope->views[i], entry, out_reason);
        if (verdict == SAYS_EXCLUDED) {
            return true;
        }
        plain.include_deps = include_deps_of(ignore, i);
        plain.is_narrow = is_narrow(ignore, i);
        const char *reason = verdict != SAYS_NOTHING ? NULL
                             : inside == NULL        ? fi_rules_exclude_by_name(&plain)
                                                     : fi_rules_exclude_by_inside(&plain, inside);
        if (reason != NULL) {
            *out_reason = (struct fi_rules_walk_reason){.by_default = reason};
            return true;
        }
    }
    return false;
}

bool
fi_rules_assess(const struct fi_rules_walk *ignore, const struct fi_rules_walk_scope *scope,
                const struct fi_rules_walk_entry *entry, struct fi_rules_walk_reason *out_reason)
{
    firn_slice name =
        firn_bytes(entry->path.data + entry->path.size - entry->name_size, entry->name_size);
    const char *reason = fi_tree_reserved_name(name);
    if (reason != NULL) {
        *out_reason = (struct fi_rules_walk_reason){.by_default = reason};
        return true;
    }
    return rules_excludes(ignore, scope, entry, NULL, out_reason);
}

bool
fi_rules_assess_inside(const struct fi_rules_walk *ignore, const struct fi_rules_walk_scope *scope,
                       const struct fi_rules_walk_entry *entry,
                       const struct fi_rules_exclude_inside *inside,
                       struct fi_rules_walk_reason *out_reason)
{
    return rules_excludes(ignore, scope, entry, inside, out_reason);
}

void
fi_rules_assess_text(const struct fi_rules_walk_reason *reason, char out[FI_RULES_WALK_TEXT_SIZE])
{
    if (reason->by_default != NULL) {
        (void)snprintf(out, FI_RULES_WALK_TEXT_SIZE, "%s", reason->by_default);
        return;
    }
    const struct fi_rules_ignore_pattern *pattern = reason->pattern;
    (void)snprintf(out, FI_RULES_WALK_TEXT_SIZE, "%s%.*s%s%s:%u: %.*s",
                   reason->is_stored ? "the checkpoint's " : "",
                   (int)(reason->dir.size < 100 ? reason->dir.size : 100),
                   (const char *)reason->dir.data, reason->dir.size > 0 ? "/" : "",
                   fi_rules_list_name(reason->kind), (unsigned)pattern->line,
                   (int)(pattern->size < 100 ? pattern->size : 100), (const char *)pattern->text);
}

/* A rule file on disk.
 *
 * It is read like any file of a workspace: no link is followed, only a regular file is opened, and
 * its access time stays. If a file grows while it is read, its former length is read; the next walk
 * sees the rest. A file that is larger than a rule file may be is not read at all: half of its
 * rules could mean the opposite of all of them. */

/* Reads all of an open file into a buffer. */
static int
read_content(struct fi_os_file *file, uint64_t size, struct fi_buf *out, firn_error *err)
{
    if (size > FI_RULES_IGNORE_FILE_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "larger than %d bytes", FI_RULES_IGNORE_FILE_SIZE_MAX);
    }
    size_t read = 0;
    if (fi_buf_set_size(out, (size_t)size) != FIRN_OK) {
        return fi_error_no_memory(err, "the rules of a file");
    }
    int rc = size > 0 ? fi_os_file_read(file, 0, out->data, out->size, &read, err) : FIRN_OK;
    if (rc == FIRN_OK) {
        DCHECK(read <= out->size);
        out->size = read;
    }
    return rc;
}

int
fi_rules_read(struct fi_os_dir *dir, enum fi_rules_list_kind kind,
              void (*on_bad)(void *ctx, uint32_t line, const char *defect), void *ctx,
              struct fi_rules_ignore_file **out, firn_error *err)
{
    *out = NULL;
    struct fi_os_file *file = NULL;
    struct fi_os_stat stat;
    struct fi_buf content = {0};
    int rc = fi_os_file_open_stat(dir, fi_rules_list_name(kind), FI_OS_READ | FI_OS_NO_ATIME, 0,
                                  &file, &stat, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    if (rc == FIRN_INVALID) {
        return fi_error_set(err, rc, "no regular file");
    }
    if (rc == FIRN_OK) {
        rc = read_content(file, stat.size_bytes, &content, err);
    }
    if (rc == FIRN_OK) {
        rc = fi_rules_ignore_file_create(fi_buf_slice(&content), on_bad, ctx, out, err);
    }
    fi_buf_deinit(&content);
    fi_os_file_close(file);
    return rc;
}
