/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/rules_walk.c: what one walk leaves out.
 *
 * Rule files stand in layers. Entering a directory that holds one puts it on top of those of its
 * kind further up. An entry is judged (rules_judge.c) from the highest kind to the lowest, and
 * within a kind from the deepest directory upwards; the first file in which a pattern matches
 * decides, by the last such pattern. So a rule of .firnignore outranks any of .gitignore, and a
 * deeper file a higher one. Where no rule speaks the default exclusions do: they are the lowest
 * rules, and a `!` of any file lifts them. Version control's own directories are left out whatever
 * is written anywhere.
 *
 * A directory that is left out is not entered, so what is in it cannot be brought back by a rule
 * further down: that is git's behaviour too, and it is what makes leaving out cheap.
 *
 * Beside the rules on disk there may be stored *sets*, those under which a checkpoint was saved.
 * Each is judged by itself, with its own files and its own options, and what any set excludes is
 * left out (I1; not checked: rules_judge.c asks each): a restore must touch neither what the
 * checkpoint did not care for nor what the user does not want touched today. Mostly a stored set
 * says what the disk says. As long as all files on the way down were equal it shares the layers of
 * today's and is not asked a second time (I2).
 *
 * Scopes. A scope holds, for each set, the top layer of each kind. Most directories have no rule
 * file and share the scope of the directory above. Scopes, layers and files never change and live
 * until the end of the walk, so that a directory needs no more than a pointer to its scope, and any
 * thread may follow it without a lock (I3; not checked: pointers to them are const). The mutex
 * guards only the lists by which all of them are found again: to be freed, and to be written into
 * the rules object.
 *
 * Limits: one rule file (ignore_file.h), all on disk together (ignore_rules.h). A file beyond its
 * own limit is told and not used; beyond the common one the walk ends, because which file would be
 * the one too many depends on the order of threads.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "rules/rules_internal.h"

/* ---- the whole ---- */

static struct firn_rules_walk_scope *
create_scope(const struct firn_rules_walk *ignore)
{
    return firn_alloc_zeroed(sizeof(struct firn_rules_walk_scope) +
                             ignore->view_count * sizeof(struct firn_rules_walk_view));
}

int
firn_rules_walk_create(struct firn_os *os, const struct firn_rules_walk_options *options,
                       struct firn_rules_walk **out, firn_error *err)
{
    *out = NULL;
    struct firn_rules_walk *ignore = firn_alloc_zeroed(sizeof *ignore);
    if (ignore == NULL) {
        return firn_error_no_memory(err, "rules");
    }
    ignore->os = os;
    ignore->options = *options;
    ignore->view_count = 1 + (options->stored != NULL ? options->stored->set_count : 0);
    firn_os_mutex_init(os, &ignore->mutex, FIRN_LOCK_WORKSPACE_TREE);
    ignore->outermost = create_scope(ignore);
    if (ignore->outermost == NULL) {
        firn_rules_walk_destroy(ignore);
        return firn_error_no_memory(err, "rules");
    }
    for (size_t i = 1; i < ignore->view_count; i++) {
        const struct firn_ignore_rules_set *set = firn_rules_walk_stored_set(ignore, i);
        ignore->outermost->views[i].is_as_today =
            set->include_deps == options->include_deps && (set->is_narrow || set->include_deps);
    }
    *out = ignore;
    return FIRN_OK;
}

static void
destroy_layer(struct firn_rules_walk_layer *layer)
{
    if (layer != NULL) {
        firn_ignore_file_destroy(layer->file);
        firn_free(layer->dir);
        firn_free(layer);
    }
}

void
firn_rules_walk_destroy(struct firn_rules_walk *ignore)
{
    if (ignore == NULL) {
        return;
    }
    while (ignore->layers != NULL) {
        struct firn_rules_walk_layer *layer = ignore->layers;
        ignore->layers = layer->next;
        destroy_layer(layer);
    }
    while (ignore->scopes != NULL) {
        struct firn_rules_walk_scope *scope = ignore->scopes;
        ignore->scopes = scope->next;
        firn_free(scope);
    }
    firn_free(ignore->outermost);
    firn_buf_deinit(&ignore->left_out);
    firn_os_mutex_deinit(&ignore->mutex);
    firn_free(ignore);
}

const struct firn_rules_walk_scope *
firn_rules_walk_outermost(const struct firn_rules_walk *ignore)
{
    return ignore->outermost;
}

/* ---- rule files on disk ---- */

bool
firn_rules_walk_is_rule_file(const struct firn_rules_walk *ignore, firn_slice name, bool is_root,
                             enum firn_ignore_rules_kind *out_kind)
{
    for (int i = 1; i <= FIRN_RULES_WALK_KINDS; i++) {
        enum firn_ignore_rules_kind kind = (enum firn_ignore_rules_kind)i;
        bool counts = (kind != FIRN_IGNORE_RULES_CHKPTIGNORE || is_root) &&
                      (kind != FIRN_IGNORE_RULES_GITIGNORE || ignore->options.gitignore);
        if (counts && firn_slice_equal(name, firn_str(firn_ignore_rules_name(kind)))) {
            *out_kind = kind;
            return true;
        }
    }
    return false;
}

void
firn_rules_walk_files_deinit(struct firn_rules_walk_files *files)
{
    for (size_t i = 0; i < FIRN_RULES_WALK_KINDS; i++) {
        firn_ignore_file_destroy(files->files[i]);
        files->files[i] = NULL;
    }
}

/* ---- entering ---- */

/* The first file of a set in a directory, or the place where it would be. */
static size_t
find_stored(const struct firn_ignore_rules_set *set, firn_slice path)
{
    size_t low = 0;
    size_t high = set->file_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (firn_slice_compare(set->files[middle].dir, path) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* A set's files in one directory: by kind - 1, content.data NULL where there is none. */
struct contents {
    firn_slice of[FIRN_RULES_WALK_KINDS];
    bool any;
};

static struct contents
stored_contents(const struct firn_ignore_rules_set *set, firn_slice path)
{
    struct contents contents = {0};
    for (size_t i = find_stored(set, path);
         i < set->file_count && firn_slice_equal(set->files[i].dir, path); i++) {
        CHECK((unsigned)set->files[i].kind - 1 < FIRN_RULES_WALK_KINDS);
        contents.of[set->files[i].kind - 1] = set->files[i].content;
        contents.any = true;
    }
    return contents;
}

static struct contents
contents_on_disk(const struct firn_rules_walk_files *files)
{
    struct contents contents = {0};
    for (size_t i = 0; i < FIRN_RULES_WALK_KINDS; i++) {
        if (files->files[i] != NULL) {
            contents.of[i] = firn_ignore_file_content(files->files[i]);
            contents.any = true;
        }
    }
    return contents;
}

static bool
contents_are_equal(const struct contents *a, const struct contents *b)
{
    for (size_t i = 0; i < FIRN_RULES_WALK_KINDS; i++) {
        bool is_in_both = a->of[i].data != NULL && b->of[i].data != NULL;
        bool is_in_none = a->of[i].data == NULL && b->of[i].data == NULL;
        if (!is_in_none && !(is_in_both && firn_slice_equal(a->of[i], b->of[i]))) {
            return false;
        }
    }
    return true;
}

/* A directory while it is entered: what is new, until it is published. */
struct entering {
    struct firn_rules_walk *ignore;
    const struct firn_rules_walk_scope *above;
    firn_slice path;
    struct firn_rules_walk_scope *scope;
    struct firn_rules_walk_layer *layers;
};

/* Takes the file over, also when it fails. */
static int
put_on_top(struct entering *entering, struct firn_rules_walk_view *view,
           enum firn_ignore_rules_kind kind, bool is_stored, struct firn_ignore_file *file)
{
    struct firn_rules_walk_layer *layer = firn_alloc_zeroed(sizeof *layer);
    if (layer == NULL) {
        firn_ignore_file_destroy(file);
        return FIRN_NO_MEMORY;
    }
    *layer =
        (struct firn_rules_walk_layer){.above = view->tops[kind - 1],
                                       .file = file,
                                       .kind = kind,
                                       .is_stored = is_stored,
                                       .dir = firn_memdup(entering->path.data, entering->path.size),
                                       .dir_size = entering->path.size,
                                       .next = entering->layers};
    /* Further up, so who follows it comes to an end. */
    DCHECK(layer->above == NULL || layer->above->dir_size < layer->dir_size);
    entering->layers = layer;
    view->tops[kind - 1] = layer;
    return layer->dir != NULL ? FIRN_OK : FIRN_NO_MEMORY;
}

static int
enter_today(struct entering *entering, struct firn_rules_walk_files *files)
{
    for (int i = 1; i <= FIRN_RULES_WALK_KINDS; i++) {
        struct firn_ignore_file *file = files->files[i - 1];
        files->files[i - 1] = NULL;
        if (file != NULL && put_on_top(entering, &entering->scope->views[0],
                                       (enum firn_ignore_rules_kind)i, false, file) != FIRN_OK) {
            return FIRN_NO_MEMORY;
        }
    }
    return FIRN_OK;
}

static int
enter_stored(struct entering *entering, size_t index, const struct contents *today, firn_error *err)
{
    DCHECK(index >= 1 && index < entering->ignore->view_count);
    const struct firn_ignore_rules_set *set = firn_rules_walk_stored_set(entering->ignore, index);
    struct firn_rules_walk_view *view = &entering->scope->views[index];
    struct contents contents = stored_contents(set, entering->path);
    if (view->is_as_today && contents_are_equal(&contents, today)) {
        return FIRN_OK;
    }
    if (view->is_as_today) {
        DCHECK(entering->above->views[index].is_as_today); /* (I2): down to here */
        view->is_as_today = false;
        memcpy(view->tops, entering->above->views[0].tops, sizeof view->tops);
    }
    for (int i = 1; i <= FIRN_RULES_WALK_KINDS; i++) {
        struct firn_ignore_file *file;
        if (contents.of[i - 1].data == NULL) {
            continue;
        }
        int rc = firn_ignore_file_create(contents.of[i - 1], NULL, NULL, &file, err);
        if (rc == FIRN_OK) {
            rc = put_on_top(entering, view, (enum firn_ignore_rules_kind)i, true, file);
        }
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

/* Counts the files on disk among all; false if they are too many. */
static bool
count_files_locked(struct firn_rules_walk *ignore, firn_slice path, const struct contents *today)
{
    firn_os_mutex_assert_held(&ignore->mutex);
    for (size_t i = 0; i < FIRN_RULES_WALK_KINDS; i++) {
        if (today->of[i].data != NULL) {
            ignore->files_size += today->of[i].size + path.size + 16;
            ignore->file_count++;
        }
    }
    return ignore->files_size <= FIRN_IGNORE_RULES_FILES_SIZE_MAX;
}

/* Enters what is new into the lists. */
static void
publish(struct entering *entering)
{
    struct firn_rules_walk *ignore = entering->ignore;
    DCHECK(entering->scope->next == NULL && !entering->scope->views[0].is_as_today);
    firn_os_mutex_lock(&ignore->mutex);
    while (entering->layers != NULL) {
        struct firn_rules_walk_layer *layer = entering->layers;
        entering->layers = layer->next;
        layer->next = ignore->layers;
        ignore->layers = layer;
    }
    entering->scope->next = ignore->scopes;
    ignore->scopes = entering->scope;
    firn_os_mutex_unlock(&ignore->mutex);
}

/* Whether the directory changes anything for a set. */
static bool
is_of_interest(const struct firn_rules_walk *ignore, firn_slice path, const struct contents *today)
{
    if (today->any) {
        return true;
    }
    for (size_t i = 1; i < ignore->view_count; i++) {
        const struct firn_ignore_rules_set *set = firn_rules_walk_stored_set(ignore, i);
        if (set->file_count > 0 && stored_contents(set, path).any) {
            return true;
        }
    }
    return false;
}

static int
build_scope(struct entering *entering, struct firn_rules_walk_files *files,
            const struct contents *today, firn_error *err)
{
    struct firn_rules_walk *ignore = entering->ignore;
    entering->scope = create_scope(ignore);
    if (entering->scope == NULL) {
        return firn_error_no_memory(err, "rules");
    }
    memcpy(entering->scope->views, entering->above->views,
           ignore->view_count * sizeof(struct firn_rules_walk_view));
    int rc;
    for (size_t i = 1; i < ignore->view_count; i++) {
        FIRN_TRY(enter_stored(entering, i, today, err));
    }
    FIRN_TRY(enter_today(entering, files));
out:
    return rc == FIRN_NO_MEMORY ? firn_error_no_memory(err, "rules") : rc;
}

int
firn_rules_walk_enter(struct firn_rules_walk *ignore, const struct firn_rules_walk_scope *above,
                      firn_slice path, struct firn_rules_walk_files *files,
                      const struct firn_rules_walk_scope **out, firn_error *err)
{
    struct entering entering = {.ignore = ignore, .above = above, .path = path};
    struct contents today = contents_on_disk(files);
    *out = above;
    if (!is_of_interest(ignore, path, &today)) {
        return FIRN_OK;
    }
    firn_os_mutex_lock(&ignore->mutex);
    bool fits = count_files_locked(ignore, path, &today);
    firn_os_mutex_unlock(&ignore->mutex);
    int rc = fits
                 ? build_scope(&entering, files, &today, err)
                 : firn_error_set(err, FIRN_LIMIT,
                                  "the rule files of the workspace have more than %d bytes in all: "
                                  "shorten them, or save without those of git",
                                  FIRN_IGNORE_RULES_FILES_SIZE_MAX);
    firn_rules_walk_files_deinit(files);
    if (rc == FIRN_OK) {
        publish(&entering);
        *out = entering.scope;
        return FIRN_OK;
    }
    while (entering.layers != NULL) {
        struct firn_rules_walk_layer *layer = entering.layers;
        entering.layers = layer->next;
        destroy_layer(layer);
    }
    firn_free(entering.scope);
    return rc;
}

/* ---- afterwards ---- */

static int
collect_today(const struct firn_rules_walk *ignore, struct firn_ignore_rules *rules)
{
    struct firn_ignore_rules_set *set = firn_ignore_rules_add(rules, ignore->file_count);
    if (set == NULL) {
        return FIRN_NO_MEMORY;
    }
    set->include_deps = ignore->options.include_deps;
    set->is_narrow = !set->include_deps;
    set->gitignore = ignore->options.gitignore;
    set->file_count = 0;
    for (const struct firn_rules_walk_layer *layer = ignore->layers; layer != NULL;
         layer = layer->next) {
        if (!layer->is_stored) {
            CHECK(set->file_count < ignore->file_count);
            set->files[set->file_count++] =
                (struct firn_ignore_rules_file){.dir = firn_bytes(layer->dir, layer->dir_size),
                                                .kind = layer->kind,
                                                .content = firn_ignore_file_content(layer->file)};
        }
    }
    return FIRN_OK;
}

static int
collect_stored(const struct firn_ignore_rules *stored, struct firn_ignore_rules *rules)
{
    for (size_t i = 0; stored != NULL && i < stored->set_count; i++) {
        const struct firn_ignore_rules_set *from = &stored->sets[i];
        struct firn_ignore_rules_set *set = firn_ignore_rules_add(rules, from->file_count);
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
firn_rules_walk_encode(struct firn_rules_walk *ignore, struct firn_buf *out, firn_error *err)
{
    struct firn_ignore_rules rules = {0};
    firn_buf_clear(out);
    int rc = collect_today(ignore, &rules);
    if (rc == FIRN_OK) {
        rc = collect_stored(ignore->options.stored, &rules);
    }
    if (rc == FIRN_OK) {
        rc = firn_rules_left_out_collect(ignore, &rules);
    }
    if (rc != FIRN_OK) {
        rc = firn_error_no_memory(err, "rules");
    } else if (!firn_ignore_rules_are_plain(&rules)) {
        rc = firn_ignore_rules_encode(&rules, out, err);
    }
    firn_ignore_rules_deinit(&rules);
    return rc;
}
