/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_able.c: which changes the system will not let a restore make.
 *
 * The plan asks before anything is written, and a dry run with it: may names in the directory be
 * changed, is the entry immutable, is something mounted at it, does it belong to somebody else. What
 * cannot be changed is left as it is (checkout_left.c). An answer may be out of date a moment later,
 * and some refusals show only when it is tried: so the later passes leave alone what is refused to
 * them too.
 *
 * What is mounted in the tree is somebody's other file system (I1): a mount point is neither removed
 * nor replaced, and nothing that lies on what is mounted there is removed. Entries on it are added
 * and changed like all others.
 *
 * The walk goes directory by directory, so one answer about a directory is kept: that of the last.
 */
#include "checkout/checkout_able.h"

#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"

enum { MAY_CHANGE_NAMES = 0300, STICKY = 01000 };

void
firn_checkout_able_deinit(struct firn_checkout_able *able)
{
    firn_os_dir_close(able->dir);
    firn_buf_deinit(&able->dir_path);
    firn_buf_deinit(&able->place.dir);
    firn_buf_deinit(&able->mount);
}

static bool
is_below(const struct firn_buf *root, firn_slice path)
{
    return root->size > 0 && path.size > root->size && path.data[root->size] == '/' &&
           memcmp(path.data, root->data, root->size) == 0;
}

bool
firn_checkout_able_is_refusal(int rc)
{
    return rc == FIRN_DENIED || rc == FIRN_READ_ONLY || rc == FIRN_BUSY || rc == FIRN_UNSUPPORTED ||
           rc == FIRN_LIMIT || rc == FIRN_INVALID;
}

/* Fills what is known of the directory that was opened. */
static int
judge_directory(struct firn_checkout_able *able, firn_error *err)
{
    DCHECK(able->dir != NULL && !able->is_taken);
    firn_error cause;
    int rc = firn_os_dir_stat(able->dir, &able->dir_stat, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    able->dir_why[0] = '\0';
    rc = firn_os_dir_check_names(able->dir, &cause);
    /* Of one's own, one without the permission gets it for the moment (firn_checkout_open_dir). */
    bool is_loosened = rc == FIRN_DENIED && able->dir_stat.uid == able->user &&
                       (able->dir_stat.mode & MAY_CHANGE_NAMES) != MAY_CHANGE_NAMES;
    if (able->dir_stat.is_fixed) {
        (void)snprintf(able->dir_why, sizeof able->dir_why,
                       "its directory is immutable or append-only (lsattr shows it)");
    } else if (rc != FIRN_OK && !firn_checkout_able_is_refusal(rc)) {
        *err = cause;
        return rc;
    } else if (rc != FIRN_OK && !is_loosened) {
        (void)snprintf(able->dir_why, sizeof able->dir_why, "%.900s", cause.text);
    }
    return FIRN_OK;
}

/* Opens the directory in which a path lies; able->dir is NULL if there is none. */
static int
take_directory(struct firn_checkout_able *able, firn_slice path, firn_error *err)
{
    int rc;
    FIRN_TRY(firn_checkout_final_place(path, &able->place, err));
    const firn_slice dir = firn_buf_slice(&able->place.dir);
    if (able->is_taken && firn_slice_equal(dir, firn_buf_slice(&able->dir_path))) {
        return FIRN_OK;
    }
    firn_os_dir_close(able->dir);
    able->dir = NULL;
    able->is_taken = false;
    firn_buf_clear(&able->dir_path);
    if (firn_buf_append_slice(&able->dir_path, dir) != FIRN_OK) {
        return firn_error_no_memory(err, "a path");
    }
    firn_error cause;
    rc = firn_os_dir_open_beneath(able->root, (const char *)able->place.dir.data, &able->dir,
                                  &cause);
    if (rc == FIRN_OK) {
        FIRN_TRY(judge_directory(able, err));
    } else if (firn_checkout_able_is_refusal(rc)) {
        (void)snprintf(able->dir_why, sizeof able->dir_why, "%.900s", cause.text);
        rc = FIRN_OK;
    } else if (rc == FIRN_NOT_FOUND) {
        able->dir_why[0] = '\0'; /* the passes that need it say so */
        rc = FIRN_OK;
    } else {
        *err = cause;
    }
    able->is_taken = rc == FIRN_OK;
    DCHECK(!able->is_taken || firn_slice_equal(dir, firn_buf_slice(&able->dir_path)));
out:
    return rc;
}

struct wish {
    bool is_dir;     /* what stands there */
    bool names;      /* a name in the directory is made, replaced or removed */
    bool displaces;  /* what stands there goes */
    bool attributes; /* it gets other attributes */
};

static struct wish
wish_of(const struct firn_difference_walk_change *change)
{
    const bool changes_type = change->kind == FIRN_DIFFERENCE_WALK_CHANGED &&
                              (change->what & FIRN_DIFFERENCE_WALK_TYPE) != 0;
    const bool goes = change->kind == FIRN_DIFFERENCE_WALK_REMOVED || changes_type;
    const unsigned own =
        FIRN_DIFFERENCE_WALK_MODE | FIRN_DIFFERENCE_WALK_MTIME | FIRN_DIFFERENCE_WALK_XATTRS;
    struct wish wish = {.is_dir = change->before != NULL && change->before->kind == FIRN_TREE_DIR,
                        .displaces = change->before != NULL &&
                                     (goes || firn_checkout_needs_content(change))};
    wish.names = wish.displaces || change->kind == FIRN_DIFFERENCE_WALK_ADDED;
    wish.attributes =
        !wish.names && change->kind == FIRN_DIFFERENCE_WALK_CHANGED && (change->what & own) != 0;
    DCHECK(!goes || wish.displaces); /* what goes is there */
    return wish;
}

/* Why what stands at a name cannot be changed as it is wished; NULL if it can. */
static const char *
judge_entry(const struct firn_checkout_able *able, const struct wish *wish,
            const struct firn_os_stat *stat)
{
    if (stat->is_mount_root && wish->displaces) {
        return "it is a mount point: unmount it first";
    }
    if (stat->is_fixed && (wish->displaces || wish->attributes)) {
        return "it is immutable or append-only (lsattr shows it)";
    }
    if (able->user == 0) {
        return NULL;
    }
    if (wish->displaces && (able->dir_stat.mode & STICKY) != 0 &&
        able->dir_stat.uid != able->user && stat->uid != able->user) {
        return "it belongs to another user, and its directory lets only owners remove";
    }
    return wish->attributes && stat->uid != able->user
               ? "it belongs to another user, who alone may change its attributes"
               : NULL;
}

static void
set_why(char out[FIRN_CHECKOUT_ABLE_TEXT_SIZE], const char *why)
{
    (void)snprintf(out, FIRN_CHECKOUT_ABLE_TEXT_SIZE, "%s", why);
}

int
firn_checkout_able_ask(struct firn_checkout_able *able,
                       const struct firn_difference_walk_change *change,
                       char out_why[FIRN_CHECKOUT_ABLE_TEXT_SIZE], firn_error *err)
{
    const struct wish wish = wish_of(change);
    const bool looks_for_mount = wish.is_dir && change->after != NULL && change->is_entered;
    int rc = FIRN_OK;
    out_why[0] = '\0';
    if (change->path.size == 0 || !(wish.names || wish.attributes || looks_for_mount)) {
        return FIRN_OK;
    }
    if (wish.displaces && !firn_checkout_needs_content(change) &&
        is_below(&able->mount, change->path)) { /* (I1) */
        set_why(out_why, "it lies on what is mounted here, from which nothing is removed");
        return FIRN_OK;
    }
    FIRN_TRY(take_directory(able, change->path, err));
    if (wish.names && able->dir_why[0] != '\0') {
        set_why(out_why, able->dir_why);
    }
    if (out_why[0] != '\0' || able->dir == NULL || change->before == NULL) {
        return FIRN_OK;
    }
    struct firn_os_stat stat;
    rc = firn_os_stat(able->dir, able->place.name, &stat, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc; /* it went: the swap finds that out */
    }
    const char *why = judge_entry(able, &wish, &stat);
    if (why != NULL) {
        set_why(out_why, why);
    } else if (stat.is_mount_root && wish.is_dir) {
        DCHECK(!wish.displaces); /* (I1) */
        firn_buf_clear(&able->mount);
        if (firn_buf_append_slice(&able->mount, change->path) != FIRN_OK) {
            return firn_error_no_memory(err, "a path");
        }
    }
out:
    return rc;
}
