/* SPDX-License-Identifier: Apache-2.0
 *
 * watch/watch_set.c: which directories are as a save last saw them.
 *
 * A save asks, visits, and reports. What it need not visit is a directory that is clean, and all
 * below it. The answer names the topmost of these; whatever it does not name is visited (I1), so
 * that forgetting a directory is always right.
 *
 *   clean   it was watched before it was looked at and listed by a save that then reported it, and
 *           no event of it has come since that save asked                                       (I2)
 *
 * A clock counts questions. An event marks its directory with the time; a report makes clean what
 * was marked no later than its question, and nothing that was marked after. An event that comes
 * between is thus never lost: at worst a directory is visited once more for a change that the save
 * has seen.
 *
 * A directory is watched by whoever lists it, if that is in the same process (enter), so it is clean
 * when the first save is over. A save of another process reports directories that nobody watches
 * yet: they are watched then, and stay dirty until the next save has visited them (I2). Parents are
 * added before what lies in them: a directory that is replaced meanwhile shows in its parent.
 *
 * A directory that is new may be watched earlier (watch_new.c): it is dirty from then on, so no save
 * that asked before can make it clean.
 *
 * Which directories there are is decided by the saves' rules alone: what is left out is never
 * visited, so not watched by a save. What was dirty and is not visited by the save that could have,
 * is no part of the tree, and is forgotten (I3); so is what was watched early and is left out.
 *
 * "Clean" says: as in the tree that the last report named. A save that has another tree, or other
 * options, is answered that nothing is clean (I4). So is one that asks when the clock has been set
 * back since the question of that report: which names of files are new is told by times (I5; not
 * checked: clocks are not the program's).
 *
 * A directory cannot become clean where
 * - what lies in it may change without an event: a file with several names. The save reports it as
 *   not steady, as it does with all that it has to tell of each time: what is left out, rules;
 * - a directory above it is not watched: it could be moved away and another put in its place.
 *
 * Names. An event about a name forgets the directory of that name and all below: it came, went or
 * is another now. One about a file of rules makes everything below its directory dirty.
 *
 * One inode has one id. If adding a directory gives the id of another one, a rename has not been
 * reported yet, or a directory is mounted at two places: the whole set is given up (is_broken).
 * Not so where a new directory is added early: the event of its rename follows, and tells of it.
 *
 * Memory that runs out while something is added makes the set broken as well; events need none.
 */
#include "watch/watch_set.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "threads/os_thread.h"
#include "watch/watch_tree.h"

enum { CLOCKS_APART_NS = 10000000 }; /* that two clocks read one after the other may seem to move */

struct firn_watch_set {
    struct firn_os *os;
    struct firn_watch_kernel kernel;
    struct firn_watch_tree tree;
    uint64_t clock;
    uint64_t asked; /* the question that may be reported on; 0: none */
    int64_t asked_lead_ns;
    bool has_base;
    struct firn_watch_base base;
    int64_t begun_ns; /* the scan that gave it */
    int64_t lead_ns;  /* lead_of, when that scan's save asked */
    bool has_lost_root;
    bool is_broken;
    uint64_t unwatched;
    int unwatched_code;
    firn_error unwatched_error;
    struct firn_buf path;
    struct firn_buf children;   /* of pointers to nodes */
    struct firn_os_mutex mutex; /* rank WORKSPACE_TREE: for enter, which comes from many threads */
};

int
firn_watch_set_create(struct firn_os *os, const struct firn_watch_kernel *kernel,
                      struct firn_watch_set **out, firn_error *err)
{
    struct firn_watch_set *set = firn_alloc_zeroed(sizeof *set);
    *out = set;
    if (set == NULL) {
        return firn_error_no_memory(err, "watching directories");
    }
    set->os = os;
    set->kernel = *kernel;
    /* No token of an earlier set fits a question of this one. */
    set->clock = (uint64_t)firn_os_monotonic_ns(os) + 1;
    firn_os_mutex_init(os, &set->mutex, FIRN_LOCK_WORKSPACE_TREE);
    return FIRN_OK;
}

void
firn_watch_set_destroy(struct firn_watch_set *set)
{
    if (set == NULL) {
        return;
    }
    firn_watch_tree_deinit(&set->tree);
    firn_buf_deinit(&set->path);
    firn_buf_deinit(&set->children);
    firn_os_mutex_deinit(&set->mutex);
    firn_free(set);
}

static void
unwatch(void *ctx, int id)
{
    struct firn_watch_set *set = ctx;
    set->kernel.remove(set->kernel.ctx, id);
}

static void
forget(struct firn_watch_set *set, struct firn_watch_node *node)
{
    firn_watch_tree_remove(&set->tree, node, unwatch, set);
}

static void
dirty_all_below(struct firn_watch_set *set, struct firn_watch_node *top)
{
    for (struct firn_watch_node *node = top; node != NULL;
         node = firn_watch_tree_next(top, node, true)) {
        firn_watch_tree_set_dirty(node, set->clock);
    }
}

static bool
is_clean(const struct firn_watch_node *node)
{
    return node->dirty_count == 0;
}

/* ---- events ---- */

static bool
is_rule_file(const char *name)
{
    return strcmp(name, ".firnignore") == 0 || strcmp(name, ".gitignore") == 0 ||
           strcmp(name, ".chkptignore") == 0;
}

static void
lose(struct firn_watch_set *set, struct firn_watch_node *node)
{
    DCHECK(node->id >= 0); /* the event had it */
    if (node->parent == NULL) {
        set->has_lost_root = true;
        return;
    }
    firn_watch_tree_set_dirty(node->parent, set->clock);
    forget(set, node);
}

void
firn_watch_set_event(struct firn_watch_set *set, const struct firn_os_watch_event *event,
                     bool *out_is_change)
{
    struct firn_watch_node *node = firn_watch_tree_by_id(&set->tree, event->id);
    *out_is_change = node != NULL;
    if (node == NULL) {
        return; /* forgotten before */
    }
    switch (event->kind) {
    case FIRN_OS_WATCH_NAMES: {
        struct firn_watch_node *child =
            firn_watch_tree_child(&set->tree, node, firn_str(event->name));
        if (child != NULL) {
            forget(set, child);
        }
    }
        /* fall through */
    case FIRN_OS_WATCH_CHANGED:
        if (is_rule_file(event->name)) {
            dirty_all_below(set, node);
        } else {
            firn_watch_tree_set_dirty(node, set->clock);
        }
        break;
    case FIRN_OS_WATCH_MOVED:
    case FIRN_OS_WATCH_GONE:
        lose(set, node);
        break;
    case FIRN_OS_WATCH_LOST:
        break;
    }
}

/* ---- directories that no save has visited yet ---- */

bool
firn_watch_set_path(struct firn_watch_set *set, int id, firn_slice *out)
{
    const struct firn_watch_node *node = firn_watch_tree_by_id(&set->tree, id);
    if (node == NULL || firn_watch_tree_path(node, &set->path) != FIRN_OK) {
        return false;
    }
    *out = firn_buf_slice(&set->path);
    return true;
}

bool
firn_watch_set_add(struct firn_watch_set *set, struct firn_os_dir *dir, firn_slice path)
{
    struct firn_watch_node *parent;
    firn_slice name;
    struct firn_watch_node *node = firn_watch_tree_find(&set->tree, path, &parent, &name);
    int id;
    if (parent == NULL || (node != NULL && node->id >= 0) ||
        set->kernel.add(set->kernel.ctx, dir, path, &id, NULL) != FIRN_OK ||
        firn_watch_tree_by_id(&set->tree, id) != NULL /* its rename will be told */) {
        return false;
    }
    if (node == NULL) {
        node = firn_watch_tree_add(&set->tree, parent, name, set->clock);
    }
    if (node == NULL) {
        unwatch(set, id);
        return false;
    }
    firn_watch_tree_set_dirty(node, set->clock);
    firn_watch_tree_set_id(&set->tree, node, id);
    DCHECK(!is_clean(node));
    return true;
}

/* ---- a question ---- */

/* How far the clock of file times is ahead of the one that nobody sets. */
static int64_t
lead_of(const struct firn_watch_set *set)
{
    return firn_os_now_ns(set->os) - firn_os_monotonic_ns(set->os);
}

static bool
fits(const struct firn_watch_set *set, const struct firn_watch_question *question)
{
    return set->has_base && !set->is_broken && !question->is_full &&
           firn_hash_equal(&set->base.tree, &question->base.tree) &&
           memcmp(set->base.key, question->base.key, sizeof set->base.key) == 0 &&
           lead_of(set) >= set->lead_ns - CLOCKS_APART_NS /* (I5) */;
}

struct clean {
    const struct firn_watch_node *node;
};

static int
compare_names(const void *a, const void *b)
{
    const struct firn_watch_node *left = ((const struct clean *)a)->node;
    const struct firn_watch_node *right = ((const struct clean *)b)->node;
    return firn_slice_compare(firn_bytes(left->name, left->name_size),
                              firn_bytes(right->name, right->name_size));
}

/* The clean directories in one that is to be visited. */
static int
put_clean_children(struct firn_watch_set *set, const struct firn_watch_node *node,
                   struct firn_buf *out)
{
    int rc = FIRN_OK;
    firn_buf_clear(&set->children);
    DCHECK(node->parent == NULL || !is_clean(node)); /* (I1) */
    for (struct firn_watch_node *child = node->first_child; child != NULL; child = child->next) {
        if (is_clean(child)) {
            DCHECK(child->id >= 0); /* (I2) */
            const struct clean item = {child};
            FIRN_TRY(firn_buf_append(&set->children, &item, sizeof item));
        }
    }
    size_t count = set->children.size / sizeof(struct clean);
    if (count == 0) {
        goto out;
    }
    struct clean *children = (void *)set->children.data;
    firn_sort(children, count, sizeof *children, compare_names);
    FIRN_TRY(firn_watch_tree_path(node, &set->path));
    FIRN_TRY(firn_watchlink_wire_put_group(out, firn_buf_slice(&set->path), count));
    for (size_t i = 0; i < count; i++) {
        const struct firn_watch_node *child = children[i].node;
        const struct firn_watch_passed passed = {.name = firn_bytes(child->name, child->name_size),
                                                 .files = child->files,
                                                 .bytes = child->bytes,
                                                 .directories = child->directories};
        FIRN_TRY(firn_watchlink_wire_put_passed(out, &passed));
    }
out:
    return rc;
}

int
firn_watch_set_ask(struct firn_watch_set *set, const struct firn_watch_question *question,
                   struct firn_buf *out, firn_error *err)
{
    uint64_t token = question->will_report ? set->clock : 0;
    bool is_fit = fits(set, question);
    struct firn_watch_node *root = set->tree.root;
    int rc;
    FIRN_TRY(firn_watchlink_wire_put_token(out, token));
    FIRN_TRY(firn_watchlink_wire_put_begun(out, set->begun_ns));
    if (is_fit && root != NULL) {
        for (struct firn_watch_node *node = root; node != NULL;
             node = firn_watch_tree_next(root, node, node == root || !is_clean(node))) {
            if (node == root || !is_clean(node)) {
                FIRN_TRY(put_clean_children(set, node, out));
            }
        }
    }
    if (question->will_report) {
        if (!is_fit && root != NULL) {
            dirty_all_below(set, root);
            DCHECK(root->dirty_count == root->directories); /* (I4) */
        }
        set->asked = token;
        set->asked_lead_ns = lead_of(set);
        set->clock++;
        DCHECK(set->asked > 0 && set->asked < set->clock);
    }
out:
    return rc == FIRN_OK ? FIRN_OK : firn_error_no_memory(err, "an answer");
}

/* ---- a report ---- */

/* Watches a node's directory. */
static void
watch(struct firn_watch_set *set, struct firn_watch_node *node, struct firn_os_dir *dir,
      firn_slice path)
{
    firn_error err;
    int id;
    DCHECK(node->id < 0 && node->dirty != 0); /* (I2) */
    int rc = set->kernel.add(set->kernel.ctx, dir, path, &id, &err);
    if (rc == FIRN_OK && firn_watch_tree_by_id(&set->tree, id) == NULL) {
        firn_watch_tree_set_id(&set->tree, node, id);
    } else if (rc == FIRN_OK) {
        set->is_broken = true;
    } else {
        set->unwatched_code = rc;
        set->unwatched_error = err;
    }
}

/* The node of a path, made and watched if it is not yet; NULL where that cannot be. */
static struct firn_watch_node *
need(struct firn_watch_set *set, struct firn_os_dir *dir, firn_slice path, uint64_t dirty)
{
    DCHECK(dirty > 0 && dirty <= set->clock);
    struct firn_watch_node *parent;
    firn_slice name;
    struct firn_watch_node *node = firn_watch_tree_find(&set->tree, path, &parent, &name);
    if (node == NULL) {
        if (path.size > 0 && parent == NULL) {
            return NULL;
        }
        node = firn_watch_tree_add(&set->tree, parent, name, dirty);
        set->is_broken = set->is_broken || node == NULL;
    }
    if (node != NULL && node->id < 0 && !set->is_broken) {
        firn_watch_tree_set_dirty(node, dirty);
        watch(set, node, dir, path);
    }
    return node;
}

void
firn_watch_set_enter(struct firn_watch_set *set, struct firn_os_dir *dir, firn_slice path)
{
    firn_os_mutex_lock(&set->mutex);
    if (set->asked != 0 && !set->is_broken) {
        (void)need(set, dir, path, set->asked);
    }
    firn_os_mutex_unlock(&set->mutex);
}

static bool
may_be_clean(const struct firn_watch_node *node)
{
    bool is_watched = true;
    for (; node != NULL && is_watched; node = node->parent) {
        is_watched = node->id >= 0;
    }
    return is_watched;
}

static void
note_visit(struct firn_watch_set *set, const struct firn_watch_visited *visited)
{
    struct firn_watch_node *node = need(set, NULL, visited->path, set->clock);
    if (node == NULL) {
        return;
    }
    DCHECK(set->asked > 0 && set->asked < set->clock);
    node->seen = set->clock;
    firn_watch_tree_set_own(node, visited->files, visited->bytes);
    if (!visited->is_steady || !may_be_clean(node)) {
        firn_watch_tree_set_dirty(node, node->dirty != 0 ? node->dirty : set->asked);
    } else if (node->dirty <= set->asked) {
        DCHECK(node->id >= 0); /* (I2) */
        firn_watch_tree_set_dirty(node, 0);
    }
}

/* (I3) */
static void
forget_unseen(struct firn_watch_set *set)
{
    struct firn_watch_node *root = set->tree.root;
    struct firn_watch_node *next;
    for (struct firn_watch_node *node = root; node != NULL; node = next) {
        bool is_unseen = node != root && node->dirty != 0 && node->dirty <= set->asked &&
                         node->seen != set->clock;
        next = firn_watch_tree_next(root, node, !is_unseen && !is_clean(node));
        if (is_unseen) {
            DCHECK(node->parent != NULL); /* (I3): a root is always part of the tree */
            forget(set, node);
        }
    }
}

static int
compare_paths(const void *a, const void *b)
{
    const struct firn_watch_visited *left = a;
    const struct firn_watch_visited *right = b;
    return firn_slice_compare(left->path, right->path);
}

/* Reads a whole report before anything of it counts. */
static int
read_visits(struct firn_reader *reader, struct firn_buf *out, firn_error *err)
{
    int rc = FIRN_OK;
    while (rc == FIRN_OK && firn_reader_left(reader) > 0) {
        struct firn_watch_visited visited;
        rc = firn_watchlink_wire_get_visited(reader, &visited, err);
        if (rc == FIRN_OK && firn_buf_append(out, &visited, sizeof visited) != FIRN_OK) {
            rc = firn_error_no_memory(err, "a report");
        }
    }
    return rc;
}

static uint64_t
count_unwatched(const struct firn_watch_set *set)
{
    uint64_t count = 0;
    struct firn_watch_node *root = set->tree.root;
    for (struct firn_watch_node *node = root; node != NULL;
         node = firn_watch_tree_next(root, node, !is_clean(node))) {
        count += node->id < 0 ? 1 : 0;
    }
    return count;
}

int
firn_watch_set_tell(struct firn_watch_set *set, firn_slice report, firn_error *err)
{
    struct firn_reader reader = firn_reader_of(report);
    struct firn_watch_base base;
    struct firn_buf visits = {0};
    uint64_t token;
    int64_t begun_ns;
    int rc;
    FIRN_TRY(firn_watchlink_wire_get_token(&reader, &token, err));
    FIRN_TRY(firn_watchlink_wire_get_begun(&reader, &begun_ns, err));
    FIRN_TRY(firn_watchlink_wire_get_base(&reader, &base, err));
    if (token == 0 || token != set->asked || set->is_broken) {
        goto out;
    }
    FIRN_TRY(read_visits(&reader, &visits, err));
    struct firn_watch_visited *all = (void *)visits.data;
    size_t count = visits.size / sizeof *all;
    firn_sort(all, count, sizeof *all, compare_paths); /* parents first */
    for (size_t i = 0; i < count; i++) {
        note_visit(set, &all[i]);
    }
    forget_unseen(set);
    set->unwatched = count_unwatched(set);
    set->asked = 0;
    set->base = base;
    set->begun_ns = begun_ns;
    set->lead_ns = set->asked_lead_ns;
    set->has_base = true;
out:
    firn_buf_deinit(&visits);
    return rc;
}

void
firn_watch_set_info(const struct firn_watch_set *set, struct firn_watch_set_info *out)
{
    const struct firn_watch_node *root = set->tree.root;
    *out = (struct firn_watch_set_info){.directories = root == NULL ? 0 : root->directories,
                                        .dirty = root == NULL ? 0 : root->dirty_count,
                                        .unwatched = set->unwatched,
                                        .has_lost_root = set->has_lost_root,
                                        .is_broken = set->is_broken,
                                        .unwatched_code = set->unwatched_code,
                                        .unwatched_error = set->unwatched_error};
}
