/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_able.c: changes that the system does not permit.
 *
 * The plan, and so a dry run too, checks before anything is written: whether names in the directory
 * may be changed, whether the entry is immutable or a mount point, and whether it belongs to
 * another user. An entry that cannot be changed is left as it is (checkout_left.c). An answer may
 * soon be out of date, and some refusals show only at the attempt: so the later passes also leave
 * alone what the system refuses.
 *
 * A mount in the tree is another file system (I1): a mount point is neither removed nor replaced,
 * and nothing on the mounted file system is removed. Entries on it are added and changed like all
 * others.
 *
 * The walk goes directory by directory, so only the answer about the last directory is kept.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout_internal.h"

enum { MAY_CHANGE_NAMES = 0300, STICKY = 01000 };

void
fi_checkout_able_deinit(struct fi_checkout_able *able)
{
    fi_os_dir_close(able->dir);
    fi_buf_deinit(&able->dir_path);
    fi_buf_deinit(&able->place.dir);
    fi_buf_deinit(&able->mount);
}

static bool
is_below(const struct fi_buf *root, firn_slice path)
{
    return root->size > 0 && path.size > root->size && path.data[root->size] == '/' &&
           memcmp(path.data, root->data, root->size) == 0;
}

bool
fi_checkout_able_is_refusal(int rc)
{
    return rc == FIRN_DENIED || rc == FIRN_READ_ONLY || rc == FIRN_BUSY || rc == FIRN_UNSUPPORTED ||
           rc == FIRN_LIMIT || rc == FIRN_INVALID;
}

/* Fills the fields about the directory that was opened. */
static int
assess_directory(struct fi_checkout_able *able, firn_error *err)
{
    DCHECK(able->dir != NULL && !able->is_taken);
    firn_error cause;
    int rc = fi_os_dir_stat(able->dir, &able->dir_stat, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    able->dir_why[0] = '\0';
    rc = fi_os_dir_check_names(able->dir, &cause);
    /* A directory of the user's own gets a missing permission temporarily
     * (fi_checkout_dir_open). */
    bool is_loosened = rc == FIRN_DENIED && able->dir_stat.uid == able->user &&
                       (able->dir_stat.mode & MAY_CHANGE_NAMES) != MAY_CHANGE_NAMES;
    if (able->dir_stat.is_fixed) {
        (void)snprintf(able->dir_why, sizeof able->dir_why,
                       "its directory is immutable or append-only (lsattr shows it)");
    } else if (rc != FIRN_OK && !fi_checkout_able_is_refusal(rc)) {
        fi_error_copy(err, &cause);
        return rc;
    } else if (rc != FIRN_OK && !is_loosened) {
        (void)snprintf(able->dir_why, sizeof able->dir_why, "%.900s", cause.text);
    }
    return FIRN_OK;
}

/* Opens the directory of a path; able->dir is NULL if there is none. */
static int
take_directory(struct fi_checkout_able *able, firn_slice path, firn_error *err)
{
    int rc;
    FI_TRY(fi_checkout_place_final(path, &able->place, err));
    const firn_slice dir = fi_buf_slice(&able->place.dir);
    if (able->is_taken && fi_slice_equal(dir, fi_buf_slice(&able->dir_path))) {
        return FIRN_OK;
    }
    fi_os_dir_close(able->dir);
    able->dir = NULL;
    able->is_taken = false;
    fi_buf_clear(&able->dir_path);
    if (fi_buf_append_slice(&able->dir_path, dir) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    firn_error cause;
    rc = fi_os_dir_open_beneath(able->root, (const char *)able->place.dir.data, &able->dir, &cause);
    if (rc == FIRN_OK) {
        FI_TRY(assess_directory(able, err));
    } else if (fi_checkout_able_is_refusal(rc)) {
        (void)snprintf(able->dir_why, sizeof able->dir_why, "%.900s", cause.text);
        rc = FIRN_OK;
    } else if (rc == FIRN_NOT_FOUND) {
        able->dir_why[0] = '\0'; /* the passes that need it will report it */
        rc = FIRN_OK;
    } else
        fi_error_copy(err, &cause);
    able->is_taken = rc == FIRN_OK;
    DCHECK(!able->is_taken || fi_slice_equal(dir, fi_buf_slice(&able->dir_path)));
out:
    return rc;
}

struct wish {
    bool is_dir;     /* the existing entry is one */
    bool names;      /* a name in the directory is made, replaced or removed */
    bool displaces;  /* the existing entry is removed or replaced */
    bool attributes; /* it gets other attributes */
};

static struct wish
wish_of(const struct fi_difference_walk_change *change)
{
    const bool changes_type =
        change->kind == FI_DIFFERENCE_WALK_CHANGED && (change->what & FI_DIFFERENCE_WALK_TYPE) != 0;
    const bool goes = change->kind == FI_DIFFERENCE_WALK_REMOVED || changes_type;
    const unsigned own = FI_DIFFERENCE_WALK_MODE | FI_DIFFERENCE_WALK_OWNER |
                         FI_DIFFERENCE_WALK_MTIME | FI_DIFFERENCE_WALK_XATTRS;
    struct wish wish = {.is_dir = change->before != NULL && change->before->kind == FI_TREE_DIR,
                        .displaces = change->before != NULL &&
                                     (goes || fi_checkout_walk_needs_content(change))};
    wish.names = wish.displaces || change->kind == FI_DIFFERENCE_WALK_ADDED;
    wish.attributes =
        !wish.names && change->kind == FI_DIFFERENCE_WALK_CHANGED && (change->what & own) != 0;
    DCHECK(!goes || wish.displaces); /* what is removed exists */
    return wish;
}

/* Why the entry at a name cannot be changed as wished; NULL if it can. */
static const char *
assess_entry(const struct fi_checkout_able *able, const struct wish *wish,
             const struct fi_os_stat *stat)
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
               ? "only its owner, another user, may change its attributes"
               : NULL;
}

static void
set_why(char out[FI_CHECKOUT_ABLE_WHY_SIZE], const char *why)
{
    (void)snprintf(out, FI_CHECKOUT_ABLE_WHY_SIZE, "%s", why);
}

int
fi_checkout_able_query(struct fi_checkout_able *able,
                       const struct fi_difference_walk_change *change,
                       char out_why[FI_CHECKOUT_ABLE_WHY_SIZE], firn_error *err)
{
    const struct wish wish = wish_of(change);
    const bool looks_for_mount = wish.is_dir && change->after != NULL && change->is_entered;
    out_why[0] = '\0';
    if (change->path.size == 0 || !(wish.names || wish.attributes || looks_for_mount)) {
        return FIRN_OK;
    }
    if (wish.displaces && !fi_checkout_walk_needs_content(change) &&
        is_below(&able->mount, change->path)) { /* (I1) */
        set_why(out_why, "it is on a file system mounted here, from which nothing is removed");
        return FIRN_OK;
    }
    FI_TRY_RETURN(take_directory(able, change->path, err));
    if (wish.names && able->dir_why[0] != '\0') {
        set_why(out_why, able->dir_why);
    }
    if (out_why[0] != '\0' || able->dir == NULL || change->before == NULL) {
        return FIRN_OK;
    }
    struct fi_os_stat stat;
    int rc = fi_os_stat(able->dir, able->place.name, &stat, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc; /* it is gone: the swap finds that out */
    }
    const char *why = assess_entry(able, &wish, &stat);
    if (why != NULL) {
        set_why(out_why, why);
    } else if (stat.is_mount_root && wish.is_dir) {
        DCHECK(!wish.displaces); /* (I1) */
        fi_buf_clear(&able->mount);
        if (fi_buf_append_slice(&able->mount, change->path) != FIRN_OK) {
            return fi_error_no_memory(err, "a path");
        }
    }
    return rc;
}
