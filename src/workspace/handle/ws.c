/* SPDX-License-Identifier: Apache-2.0
 *
 * handle/ws.c: the handle of a workspace, and a store opened for one operation.
 *
 * Between operations a handle holds only memory: no lock, no file (I1; not checked: struct firn_ws
 * has no field for either). So a person, a script and a long-running program can work on one
 * workspace in turn. The workspace and its store are located when the handle is opened (place.c),
 * and again by the next operation if a named store could not be read then. Each operation opens the
 * root, the store and the catalog, works, and closes them again; reading operations open the store
 * read-only and leave no trace.
 *
 * A writing operation that fails closes the store and opens it once more. Opening recovers the
 * store to what is really on disk, and then a pack that no commit names is removed (I2; not
 * checked: the crash tests look for it). So only recovery has to deal with what a failed commit may
 * have left.
 *
 * An operation may look at the root, and write there, only if this user said that it is a
 * workspace. The catalog of a named store is not enough (place_claim.c): then only operations that
 * leave the tree alone open the store, and these have no root (I4). What the user said is noted
 * before the first commit that depends on it.
 *
 * A directory that was saved under another path is refused until the user decides whether its
 * history continues here or a new one begins (I3): fi_ws_init begins one, ws_workspaces_adopt.c
 * continues one.
 */
#include "handle/ws.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "cipher/cipher.h"
#include "handle/ws_opened.h"
#include "objects/objects.h"
#include "os/os_seal.h"
#include "place/place.h"
#include "store/db.h"
#include "storefile/storefile.h"
#include "threads/os_callback.h"
#include "trust/trust.h"

/* Catalog and index are small, and each operation opens the store again. */
enum { STORE_MEMORY_BYTES = 32 << 20 };

/* Replaces the place. Texts that callers may hold live as long as the handle: unchanged ones are
 * kept, replaced ones are set aside. */
static int
take_place(struct firn_ws *ws, struct fi_place_located *located, firn_error *err)
{
    struct fi_place_located *place = &ws->place;
    char **const old[] = {&place->root, &place->sub_path, &place->store_path, &place->moved_from,
                          &place->unread_store};
    char **const new[] = {&located->root, &located->sub_path, &located->store_path,
                          &located->moved_from, &located->unread_store};
    size_t count = sizeof old / sizeof old[0];
    if (fi_buf_reserve(&ws->texts, count * sizeof(char *)) != FIRN_OK) {
        return fi_error_no_memory(err, "a workspace");
    }
    for (size_t i = 0; i < count; i++) {
        if (*old[i] != NULL && *new[i] != NULL && strcmp(*old[i], *new[i]) == 0) {
            fi_free(*new[i]);
            *new[i] = *old[i];
        } else if (*old[i] != NULL) {
            CHECK(fi_buf_append(&ws->texts, old[i], sizeof *old[i]) == FIRN_OK); /* room was made */
        }
        *old[i] = NULL;
    }
    fi_place_locate_deinit(place);
    *place = *located;
    return FIRN_OK;
}

/* What the given path led to counts for the life of the handle, whatever it leads to later. */
static int
keep_path(struct firn_ws *ws, firn_error *err)
{
    const char *root = ws->place.root;
    const char *sub_path = ws->place.sub_path;
    const char *slash = sub_path[0] == '\0' || root[strlen(root) - 1] == '/' ? "" : "/";
    struct fi_buf real = {0};
    char *path = NULL;
    if (fi_buf_append_format(&real, "%s%s%s", root, slash, sub_path) == FIRN_OK) {
        path = fi_strndup((const char *)real.data, real.size);
    }
    fi_buf_deinit(&real);
    if (path == NULL) {
        return fi_error_no_memory(err, "a workspace");
    }
    fi_free(ws->path);
    ws->path = path;
    return FIRN_OK;
}

int
fi_ws_relocate(struct firn_ws *ws, firn_error *err)
{
    struct fi_place_locate_request request = {.path = ws->path,
                                              .path_is_real = ws->place.root != NULL,
                                              .store_path = ws->named_store_path,
                                              .is_exact = ws->is_exact,
                                              .names_root = ws->names_root,
                                              .unlock = &ws->unlock};
    struct fi_place_located located;
    int rc = fi_place_locate(ws->os, &request, &located, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = take_place(ws, &located, err);
    if (rc != FIRN_OK) {
        fi_place_locate_deinit(&located);
    }
    return rc;
}

int
fi_ws_open(struct fi_os *os, const char *path, const firn_workspace_options *options,
           struct firn_ws **out, firn_error *err)
{
    *out = NULL;
    struct firn_ws *ws = fi_alloc_zeroed(sizeof *ws);
    if (ws == NULL) {
        return fi_error_no_memory(err, "a workspace");
    }
    fi_os_process_init_mark(&ws->mark);
    ws->os = os;
    ws->lock_timeout_ms = options->lock_timeout_ms;
    ws->is_exact = options->is_root;
    ws->names_root = options->names_root;
    ws->sqlite = (struct fi_scan_sqlite){options->copy_sqlite, options->ctx};
    ws->new_cipher =
        options->cipher == FIRN_CIPHER_AUTOMATIC ? fi_cipher_choose(false) : options->cipher;
    if (options->key_source != NULL) {
        ws->key_source = *options->key_source;
    }
    ws->unlock = fi_unlock_source_of(&ws->key_source);
    ws->unlock.memory = &ws->unlock_memory;
    ws->path = fi_strdup(path);
    bool has_store = options->store_path != NULL;
    ws->named_store_path = has_store ? fi_strdup(options->store_path) : NULL;
    int rc;
    if (ws->path == NULL || (has_store && ws->named_store_path == NULL)) {
        rc = fi_error_no_memory(err, "a workspace");
        goto out;
    }
    FI_TRY(fi_ws_relocate(ws, err));
    FI_TRY(keep_path(ws, err));
    *out = ws;
out:
    if (rc != FIRN_OK) {
        fi_ws_close(ws);
    }
    return rc;
}

void
fi_ws_close(struct firn_ws *ws)
{
    if (ws == NULL) {
        return;
    }
    char *const *texts = (char *const *)(const void *)ws->texts.data;
    for (size_t i = 0; i < ws->texts.size / sizeof *texts; i++) {
        fi_free(texts[i]);
    }
    fi_buf_deinit(&ws->texts);
    fi_ws_given_release(ws);
    fi_buf_deinit(&ws->given);
    fi_buf_deinit(&ws->record);
    fi_place_locate_deinit(&ws->place);
    fi_free(ws->path);
    fi_free(ws->named_store_path);
    fi_unlock_memory_deinit(&ws->unlock_memory);
    fi_unlock_memory_deinit(&ws->remote_memory);
    fi_free(ws);
}

const char *
fi_ws_root(const struct firn_ws *ws)
{
    return ws->place.root;
}

const char *
fi_ws_subpath(const struct firn_ws *ws)
{
    return ws->place.sub_path;
}

const char *
fi_ws_store_path(const struct firn_ws *ws)
{
    return ws->place.store_path;
}

const char *
fi_ws_moved_from(const struct firn_ws *ws)
{
    return ws->place.moved_from;
}

const char *
fi_ws_unread_store(const struct firn_ws *ws)
{
    return ws->place.unread_store;
}

void
fi_ws_report_damage(const firn_callbacks *callbacks, const char *text)
{
    if (callbacks->on_notice != NULL) {
        firn_notice notice = {.kind = FIRN_NOTICE_DAMAGED, .text = text};
        fi_os_callback_notice(callbacks, &notice);
    }
}

static int
open_root(struct firn_ws *ws, struct fi_ws_opened *opened, firn_error *err)
{
    FI_TRY_RETURN(fi_os_dir_open_real(ws->os, ws->place.root, &opened->root, err));
    return fi_os_dir_stat(opened->root, &opened->root_stat, err);
}

/* Reading a missing store finds nothing; changing one is an error. Packs without a store's other
 * files are a store that has lost them. */
static int
no_store(struct firn_ws *ws, enum fi_ws_open_mode mode, struct fi_os_dir *dir, firn_error *err)
{
    struct fi_os_stat stat;
    if (dir != NULL && fi_os_stat(dir, FI_OBJECTS_INDEX_PACKS_DIR, &stat, NULL) == FIRN_OK) {
        return fi_place_refuse_packs(ws->place.store_path, err);
    }
    if (mode == FI_WS_READ) {
        return FIRN_OK;
    }
    return fi_error_set(err, FIRN_NOT_FOUND,
                        "'%.450s' has no checkpoint yet: there is no store at '%.450s'",
                        ws->place.root, ws->place.store_path);
}

/* Whether a file is at the store's path, or at a parent of it: that is neither a store nor a free
 * place. */
static bool
is_no_directory(const struct firn_ws *ws)
{
    struct fi_os_dir *dir;
    firn_error found;
    int rc = fi_os_dir_open_path(ws->os, ws->place.store_path, &dir, &found);
    fi_os_dir_close(dir);
    return rc != FIRN_OK && found.os_errno == ENOTDIR;
}

/* A user who makes a store inside a tree trusts it. Without a data directory that cannot be
 * recorded, and the store has to be named in each call. */
static int
trust_begun(struct firn_ws *ws, struct fi_ws_opened *opened, firn_error *err)
{
    firn_error why;
    int rc = fi_trust_store_begin(opened->store_dir, ws->place.root, &why);
    if (rc == FIRN_OK || rc == FIRN_INVALID) {
        return FIRN_OK;
    }
    return fi_error_set(err, rc, "the store could not be recorded as yours: %.800s", why.text);
}

/* A store that was found inside the workspace is opened below the root that is open: the way to it
 * may lead elsewhere by now. */
static int
open_store_dir(struct firn_ws *ws, enum fi_ws_open_mode mode, struct fi_ws_opened *opened,
               firn_error *err)
{
    bool creates = mode == FI_WS_CREATE;
    bool is_inside =
        ws->named_store_path == NULL && strcmp(ws->place.catalog_root, FI_PLACE_ROOTS_INSIDE) == 0;
    int rc;
    if (!is_inside || opened->root == NULL) {
        return fi_trust_home_open_dir(ws->os, ws->place.store_path, creates, &opened->store_dir,
                                      err);
    }
    rc = fi_os_dir_open(opened->root, FI_TRUST_INSIDE, &opened->store_dir, err);
    if (rc != FIRN_NOT_FOUND || !creates) {
        return rc;
    }
    rc = fi_os_make_dir(opened->root, FI_TRUST_INSIDE, 0700, err);
    FI_TRY(rc == FIRN_EXISTS ? FIRN_OK : rc);
    FI_TRY(fi_os_dir_sync(opened->root, err));
    rc = fi_os_dir_open(opened->root, FI_TRUST_INSIDE, &opened->store_dir, err);
out:
    return rc;
}

/* Notes that this user made a store at a place of their choice. Without a data directory that
 * cannot be noted, and the store counts as one from elsewhere. */
static int
note_made(const struct fi_ws_opened *opened, firn_error *err)
{
    int rc = fi_trust_named_note(opened->store_dir, err);
    return rc == FIRN_NO_MEMORY ? rc : FIRN_OK;
}

/* makes_inside: a store is about to be made inside the workspace. */
static int
open_store(struct firn_ws *ws, enum fi_ws_open_mode mode, bool makes_inside,
           struct fi_ws_opened *opened, firn_error *err)
{
    struct fi_db_options options = {.create_if_missing = mode == FI_WS_CREATE,
                                    .read_only = mode == FI_WS_READ,
                                    .lock_timeout_ms = ws->never_waits ? 0 : ws->lock_timeout_ms,
                                    .memory_bytes = STORE_MEMORY_BYTES,
                                    .new_cipher = ws->new_cipher,
                                    .unlock = &ws->unlock};
    DCHECK(opened->store_dir == NULL && opened->db == NULL);
    bool is_own;
    int rc = open_store_dir(ws, mode, opened, err);
    if (rc == FIRN_NOT_FOUND && mode != FI_WS_CREATE && !is_no_directory(ws)) {
        return no_store(ws, mode, NULL, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    FI_TRY_RETURN(fi_os_dir_stat(opened->store_dir, &opened->store_stat, err));
    FI_TRY_RETURN(fi_trust_owner_check(opened->store_dir, err));
    FI_TRY_RETURN(fi_trust_owner_is_own(opened->store_dir, &is_own, err));
    opened->is_foreign = !is_own;
    if (opened->root != NULL && opened->store_stat.device == opened->root_stat.device &&
        opened->store_stat.inode == opened->root_stat.inode) {
        return fi_error_set(err, FIRN_INVALID,
                            "the store cannot be the workspace itself ('%s'): name another place",
                            ws->place.root);
    }
    FI_TRY_RETURN(makes_inside ? trust_begun(ws, opened, err) : FIRN_OK);
    FI_TRY_RETURN(
        fi_trust_files_guard(opened->store_dir, mode != FI_WS_READ, options.lock_timeout_ms, err));
    bool was_there;
    bool is_known = false;
    FI_TRY_RETURN(fi_trust_inside_is_store(opened->store_dir, &was_there, err));
    if (was_there) {
        FI_TRY_RETURN(fi_ws_bounds_is_known(ws, opened->store_dir, &is_known, err));
        FI_TRY_RETURN(is_known ? FIRN_OK : fi_ws_bounds_check_holes(opened->store_dir, err));
    }
    rc = fi_db_open(opened->store_dir, &options, &opened->db, err);
    if (rc == FIRN_NOT_FOUND && mode != FI_WS_CREATE) {
        return no_store(ws, mode, opened->store_dir, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    if (ws->new_cipher != 0 && fi_os_dir_seal(fi_db_dir(opened->db)) == NULL) {
        return fi_error_set(err, FIRN_EXISTS,
                            "the store in '%s' is there already, and is not encrypted",
                            fi_os_dir_path(opened->store_dir));
    }
    fi_db_keys_share(fi_db_dir(opened->db), opened->store_dir);
    if (mode != FI_WS_READ && strcmp(ws->place.catalog_root, FI_PLACE_ROOTS_INSIDE) == 0) {
        bool is_made;
        rc = fi_trust_inside_ignore(opened->store_dir, &is_made, err);
        if (rc == FIRN_NO_MEMORY) {
            return rc;
        } /* other failures hinder no work; the next operation tries again */
    }
    if (mode != FI_WS_READ) {
        FI_TRY_RETURN(fi_trust_settings_take(opened->store_dir, false, err));
        FI_TRY_RETURN(fi_trust_files_survey(opened->store_dir, true, NULL, NULL, err));
    }
    opened->sequence = fi_db_sequence(opened->db);
    if (ws->named_store_path != NULL) {
        FI_TRY_RETURN(fi_place_claim_store_init(opened->store_dir, fi_db_id(opened->db),
                                                &opened->claim_store, err));
    }
    FI_TRY_RETURN(fi_objects_open(opened->db, &opened->objects, err));
    if (!was_there) {
        bool is_elsewhere = ws->named_store_path != NULL && !opened->claim_store.is_usual;
        FI_TRY_RETURN(is_elsewhere && !makes_inside ? note_made(opened, err) : FIRN_OK);
        FI_TRY_RETURN(fi_ws_bounds_is_known(ws, opened->store_dir, &is_known, err));
    }
    if (!is_known) {
        fi_objects_budget_begin(opened->objects);
    }
    return fi_catalog_open(opened->db, &opened->catalog, err);
}

int
fi_ws_check_root(const struct firn_ws *ws, firn_error *err)
{
    return ws->place.claim == FI_PLACE_CLAIM_NONE
               ? fi_place_claim_refuse(ws->place.root, ws->place.store_path, err)
               : FIRN_OK;
}

int
fi_ws_note_root(struct firn_ws *ws, const uint8_t *store_id, firn_error *err)
{
    enum fi_place_claim *claim = &ws->place.claim;
    const struct fi_trust_root root = {.store_id = store_id, .path = ws->place.root};
    DCHECK(*claim != FI_PLACE_CLAIM_NONE);
    bool is_needed = *claim == FI_PLACE_CLAIM_NEW || *claim == FI_PLACE_CLAIM_NAMED ||
                     *claim == FI_PLACE_CLAIM_SAME;
    if (ws->named_store_path == NULL || !is_needed) {
        return FIRN_OK;
    }
    int rc = strcmp(ws->place.catalog_root, FI_PLACE_ROOTS_INSIDE) == 0
                 ? FIRN_OK /* naming the store names the root */
                 : fi_trust_root_note(ws->os, &root, err);
    if (rc == FIRN_OK) {
        *claim = FI_PLACE_CLAIM_NOTED;
    }
    return rc == FIRN_NO_MEMORY ? rc : FIRN_OK;
}

static int
refuse_moved(const char *root, const char *moved_from, firn_error *err)
{
    return fi_error_set(err, FIRN_CONFLICT,
                        "'%.450s' is the directory that was saved as '%.450s': to continue its "
                        "history, run firn init --adopt in it; to begin a new one, run firn init",
                        root, moved_from);
}

/* The catalog does not have the root: it may have the directory under another path. */
static int
check_not_moved(struct firn_ws *ws, struct fi_ws_opened *opened, firn_error *err)
{
    DCHECK(opened->workspace.number == 0 && !ws->is_new);
    struct fi_place_roots roots = {.os = ws->os};
    enum fi_place_claim claim = FI_PLACE_CLAIM_USUAL;
    int rc;
    FI_TRY(fi_place_roots_add_catalog(&roots, opened->catalog, &opened->claim_store,
                                      ws->place.store_path, err));
    const struct fi_place_roots_root *moved;
    FI_TRY(fi_place_roots_find_moved(&roots, &opened->root_stat, &moved, err));
    if (moved != NULL && ws->named_store_path != NULL) {
        FI_TRY(fi_place_claim_assess(ws->os, moved, ws->place.root, &claim, err));
    }
    if (moved != NULL && claim != FI_PLACE_CLAIM_NONE) {
        rc = refuse_moved(ws->place.root, moved->root, err);
    }
out:
    fi_place_roots_deinit(&roots);
    return rc;
}

/* Finds the workspace by its path: old stores inside a workspace did not call its root ".". */
static int
find_by_path(struct firn_ws *ws, struct fi_ws_opened *opened, firn_error *err)
{
    DCHECK(opened->workspace.number == 0);
    firn_slice root = firn_str(ws->place.root);
    int rc = fi_catalog_workspaces_find(opened->catalog, root, &opened->workspace, err);
    if (rc != FIRN_OK || opened->workspace.number == 0) {
        return rc;
    }
    char *catalog_root = fi_strdup(ws->place.root);
    if (catalog_root == NULL) {
        return fi_error_no_memory(err, "a workspace");
    }
    fi_free(ws->place.catalog_root);
    ws->place.catalog_root = catalog_root;
    return FIRN_OK;
}

static int
find_workspace(struct firn_ws *ws, enum fi_ws_open_mode mode, struct fi_ws_opened *opened,
               firn_error *err)
{
    firn_slice root = firn_str(ws->place.catalog_root);
    struct fi_catalog_workspace *workspace = &opened->workspace;
    int rc;
    FI_TRY(fi_catalog_workspaces_find(opened->catalog, root, workspace, err));
    if (workspace->number == 0 && strcmp(ws->place.catalog_root, ws->place.root) != 0) {
        FI_TRY(find_by_path(ws, opened, err));
    }
    if (workspace->number == 0 && !ws->is_new && opened->root != NULL) {
        FI_TRY(check_not_moved(ws, opened, err));
    }
    if (mode == FI_WS_READ || opened->root == NULL) {
        goto out;
    }
    if (workspace->number != 0 || mode == FI_WS_CREATE) {
        FI_TRY(fi_ws_note_root(ws, fi_db_id(opened->db), err));
    }
    /* Of the present directory; the next checkpoint writes it. */
    workspace->device = opened->root_stat.device;
    workspace->inode = opened->root_stat.inode;
    workspace->btime_ns = opened->root_stat.btime_ns;
    if (workspace->number == 0 && mode == FI_WS_CREATE) {
        FI_TRY(fi_catalog_workspaces_add(opened->catalog, root, workspace, err));
    }
out:
    return rc;
}

static int
close_store(struct fi_ws_opened *opened, bool failed, firn_error *err)
{
    DCHECK(opened->db != NULL || (opened->objects == NULL && opened->catalog == NULL));
    int rc = FIRN_OK;
    if (opened->db != NULL && opened->objects != NULL && !fi_db_is_read_only(opened->db)) {
        fi_db_space_beside(opened->db, fi_objects_bytes(opened->objects));
    }
    fi_catalog_close(opened->catalog);
    fi_objects_close(opened->objects);
    if (opened->db != NULL) {
        rc = fi_db_close(opened->db, failed ? NULL : err);
    }
    fi_os_dir_close(opened->store_dir);
    opened->catalog = NULL;
    opened->objects = NULL;
    opened->db = NULL;
    opened->store_dir = NULL;
    return failed ? FIRN_OK : rc;
}

/* Whether a store is about to be made inside the workspace. */
static int
may_be_made_inside(struct firn_ws *ws, enum fi_ws_open_mode mode, bool *out, firn_error *err)
{
    bool is_there = false;
    int rc = FIRN_OK;
    *out = mode == FI_WS_CREATE && strcmp(ws->place.catalog_root, FI_PLACE_ROOTS_INSIDE) == 0;
    if (*out) {
        rc = fi_place_is_store(ws->os, ws->place.store_path, &is_there, err);
        *out = !is_there;
    }
    return rc;
}

/* Whether an opened store is as enum fi_ws_open_mode promises. */
static bool
is_open_as(const struct fi_ws_opened *opened, enum fi_ws_open_mode mode)
{
    bool is_whole = opened->db != NULL && opened->objects != NULL && opened->catalog != NULL;
    if (!is_whole) {
        return mode == FI_WS_READ && opened->db == NULL && opened->objects == NULL &&
               opened->catalog == NULL && opened->workspace.number == 0;
    }
    return opened->store_dir != NULL && fi_db_is_read_only(opened->db) == (mode == FI_WS_READ) &&
           (mode != FI_WS_CREATE || opened->workspace.number != 0);
}

int
fi_ws_opened_open_store(struct firn_ws *ws, enum fi_ws_open_mode mode, struct fi_ws_opened *out,
                        firn_error *err)
{
    *out = (struct fi_ws_opened){0};
    bool makes_inside;
    int rc;
    if (!ws->place.is_sure) {
        FI_TRY(fi_ws_relocate(ws, err));
    }
    if (ws->place.moved_from != NULL && !ws->is_new) {
        return refuse_moved(ws->place.root, ws->place.moved_from, err);
    }
    if (ws->place.claim != FI_PLACE_CLAIM_NONE) { /* (I4) */
        FI_TRY(open_root(ws, out, err));
    }
    FI_TRY(may_be_made_inside(ws, mode, &makes_inside, err));
    FI_TRY(open_store(ws, mode, makes_inside, out, err));
    if (makes_inside) {
        FI_TRY(fi_trust_store_made(out->store_dir, err));
    }
    if (mode != FI_WS_READ) {
        FI_TRY(fi_objects_leftovers_remove(out->objects, err));
    }
    if (out->db != NULL) {
        FI_TRY(find_workspace(ws, mode, out, err));
    }
    FI_TRY(fi_place_nested_create(ws->os, ws->place.root, out->catalog,
                                  ws->named_store_path != NULL ? &out->claim_store : NULL,
                                  &out->nested, err));
    out->sqlite = ws->sqlite;
    DCHECK((out->root != NULL) == (ws->place.claim != FI_PLACE_CLAIM_NONE)); /* (I4) */
    DCHECK(is_open_as(out, mode));
    DCHECK(ws->is_new || ws->place.moved_from == NULL); /* (I3) */
    return FIRN_OK;
out:
    FI_IGNORE(close_store(out, true, NULL));
    fi_os_dir_close(out->root);
    *out = (struct fi_ws_opened){0};
    return rc;
}

int
fi_ws_opened_open(struct firn_ws *ws, enum fi_ws_open_mode mode, struct fi_ws_opened *out,
                  firn_error *err)
{
    *out = (struct fi_ws_opened){0};
    int rc = ws->place.is_sure ? FIRN_OK : fi_ws_relocate(ws, err);
    rc = rc == FIRN_OK ? fi_ws_check_root(ws, err) : rc;
    rc = rc == FIRN_OK ? fi_ws_opened_open_store(ws, mode, out, err) : rc;
    DCHECK(rc != FIRN_OK || out->root != NULL);
    return rc;
}

int
fi_ws_opened_close(struct firn_ws *ws, struct fi_ws_opened *opened, int rc, firn_error *err)
{
    bool failed = rc != FIRN_OK;
    bool was_writing = opened->db != NULL && !fi_db_is_read_only(opened->db);
    int close_rc = close_store(opened, failed, err);
    if (failed && was_writing) {
        struct fi_ws_opened again = {.root_stat = opened->root_stat};
        if (open_store(ws, FI_WS_WRITE, false, &again, NULL) == FIRN_OK) {
            FI_IGNORE(fi_objects_leftovers_remove(again.objects, NULL));
        }
        FI_IGNORE(close_store(&again, true, NULL));
        DCHECK(again.db == NULL && again.store_dir == NULL); /* (I1) */
    }
    fi_place_nested_destroy(opened->nested);
    fi_os_dir_close(opened->root);
    *opened = (struct fi_ws_opened){0};
    return failed ? rc : close_rc;
}

/* Refuses to make a store inside the workspace if there is one in the usual place: the checkpoints
 * of that one would be hidden. */
static int
check_only_store(struct firn_ws *ws, firn_error *err)
{
    char *usual = NULL;
    bool is_there;
    int rc = FIRN_OK;
    if (strcmp(ws->place.catalog_root, FI_PLACE_ROOTS_INSIDE) != 0) {
        goto out;
    }
    FI_TRY(fi_place_is_store(ws->os, ws->place.store_path, &is_there, err));
    if (is_there) {
        goto out;
    }
    rc = fi_place_default_store(ws->os, ws->place.root, &usual, err);
    if (rc == FIRN_INVALID) {
        rc = FIRN_OK; /* there is no usual place */
        goto out;
    }
    if (rc == FIRN_OK) {
        rc = fi_place_is_store(ws->os, usual, &is_there, err);
    }
    if (rc == FIRN_OK && is_there) {
        rc = fi_error_set(err, FIRN_EXISTS, "'%.450s' has a store already: '%.450s'",
                          ws->place.root, usual);
    }
out:
    fi_free(usual);
    return rc;
}

int
fi_ws_init(struct firn_ws *ws, bool *out_created, firn_error *err)
{
    *out_created = false;
    ws->is_new = true;
    struct fi_ws_opened opened;
    int rc = check_only_store(ws, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    /* Finding the store must work even if nothing can be written. */
    rc = fi_ws_opened_open(ws, FI_WS_READ, &opened, NULL);
    if (rc == FIRN_OK) {
        bool is_known = opened.workspace.number != 0;
        rc = is_known ? fi_ws_note_root(ws, fi_db_id(opened.db), err) : FIRN_OK;
        rc = fi_ws_opened_close(ws, &opened, rc, err);
        if (is_known || rc != FIRN_OK) {
            return rc;
        }
    }
    rc = fi_ws_opened_open(ws, FI_WS_CREATE, &opened, err);
    if (rc == FIRN_OK) {
        *out_created = true;
        rc = fi_ws_opened_close(ws, &opened, FIRN_OK, err);
    }
    return rc;
}

struct fi_scan_options
fi_ws_scan_options_of(const struct fi_ws_opened *opened, bool include_deps, bool strict,
                      unsigned threads, const firn_callbacks *callbacks)
{
    return (struct fi_scan_options){.include_deps = include_deps,
                                    .strict = strict,
                                    .threads = threads,
                                    .has_store = opened->store_dir != NULL,
                                    .store_device = opened->store_stat.device,
                                    .store_inode = opened->store_stat.inode,
                                    .nested = opened->nested,
                                    .sqlite = opened->sqlite,
                                    .callbacks = *callbacks};
}

/* One checkpoint by a reference. */

int
fi_ws_find_record(struct firn_ws *ws, struct fi_ws_opened *opened, const char *reference,
                  struct fi_catalog_record *out, firn_error *err)
{
    if (opened->workspace.number == 0) {
        return fi_error_set(err, FIRN_NOT_FOUND, "'%.512s' has no checkpoint yet: save it first",
                            ws->place.root);
    }
    DCHECK(opened->catalog != NULL);
    return fi_catalog_resolve(opened->catalog, opened->workspace.number, reference, &ws->record,
                              out, err);
}

/* "xltrpwwu...", all 32 letters of an id. */
static bool
is_whole_id(const char *reference)
{
    return strspn(reference, "klmnopqrstuvwxyz") == FIRN_CHECKPOINT_ID_SIZE - 1 &&
           reference[FIRN_CHECKPOINT_ID_SIZE - 1] == '\0';
}

/* Whether a name of a remote and a slash come first. What follows may have characters that no other
 * reference has, as in "origin/ada@laptop:project/12". */
static bool
begins_with_remote(const char *reference)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t size = strspn(reference, allowed);
    return size > 0 && strchr("._-", reference[0]) == NULL && reference[size] == '/';
}

int
fi_ws_find_any(struct firn_ws *ws, struct fi_ws_opened *opened, const char *reference,
               struct fi_catalog_record *out, bool *out_is_own, firn_error *err)
{
    uint32_t workspace;
    firn_error why;
    *out_is_own = true;
    int rc = fi_ws_find_record(ws, opened, reference, out, &why);
    if ((rc == FIRN_NOT_FOUND || (rc == FIRN_INVALID && begins_with_remote(reference))) &&
        opened->catalog != NULL && strchr(reference, '/') != NULL) {
        *out_is_own = false;
        return fi_catalog_lines_resolve(opened->catalog, reference, &ws->record, out, &workspace,
                                        err);
    }
    if (rc == FIRN_NOT_FOUND && opened->catalog != NULL && is_whole_id(reference)) {
        int code = fi_catalog_lines_resolve_id(opened->catalog, reference, &ws->record, out, err);
        if (code != FIRN_NOT_FOUND) {
            *out_is_own = false;
            return code;
        }
    }
    if (rc != FIRN_OK) {
        fi_error_copy(err, &why);
    }
    return rc;
}

/* The bytes of the record that was looked up last become the caller's. */
static void
give_record(struct firn_ws *ws, struct fi_buf *bytes)
{
    DCHECK(bytes != &ws->record);
    fi_buf_deinit(bytes);
    *bytes = ws->record;
    ws->record = (struct fi_buf){0};
}

int
fi_ws_find_own(struct firn_ws *ws, struct fi_ws_opened *opened, const char *reference,
               struct fi_buf *bytes, struct fi_catalog_record *out, firn_error *err)
{
    int rc = fi_ws_find_record(ws, opened, reference, out, err);
    give_record(ws, bytes);
    return rc;
}

int
fi_ws_find_any_own(struct firn_ws *ws, struct fi_ws_opened *opened, const char *reference,
                   struct fi_buf *bytes, struct fi_catalog_record *out, firn_error *err)
{
    bool is_own;
    int rc = fi_ws_find_any(ws, opened, reference, out, &is_own, err);
    give_record(ws, bytes);
    return rc;
}

int
fi_ws_find_previous(struct firn_ws *ws, struct fi_ws_opened *opened,
                    const struct fi_catalog_record *record, struct fi_buf *bytes,
                    struct fi_catalog_record *out, firn_error *err)
{
    char reference[FIRN_CHECKPOINT_ID_SIZE + 2];
    fi_catalog_record_id_text(record->id, reference);
    memcpy(reference + FIRN_CHECKPOINT_ID_SIZE - 1, "~1", sizeof "~1");
    firn_error why;
    int rc = fi_ws_find_own(ws, opened, reference, bytes, out, &why);
    if (rc == FIRN_NOT_FOUND) { /* the record may be that of a line */
        return fi_catalog_lines_resolve_id(opened->catalog, reference, bytes, out, err);
    }
    if (rc != FIRN_OK) {
        fi_error_copy(err, &why);
    }
    return rc;
}

int
fi_ws_find(struct firn_ws *ws, const char *reference, firn_workspace_checkpoint **out,
           firn_error *err)
{
    struct fi_ws_opened opened;
    struct fi_catalog_record record;
    int rc = fi_ws_opened_open_store(ws, FI_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    bool is_own;
    rc = fi_ws_find_any(ws, &opened, reference, &record, &is_own, err);
    if (rc == FIRN_OK) {
        rc = fi_ws_given_checkpoint(ws, &record, out, err);
    }
    return fi_ws_opened_close(ws, &opened, rc, err);
}
