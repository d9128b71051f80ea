/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/ws_support.h: a workspace with its store, for tests of whole operations.
 * Everything fails the running test where something goes wrong that the test did not ask for.
 */
#ifndef FIRN_TEST_WS_SUPPORT_H
#define FIRN_TEST_WS_SUPPORT_H

#include "gc/gc.h"
#include "handle/ws.h"
#include "operations/operations.h"
#include "repair/repair.h"
#include "scan_support.h"
#include "verify/verify.h"
#include "watch/watch_internal.h"
#include "watchlink/watchlink.h"

struct ws_world {
    struct scan_world tree;
    struct firn_ws *ws;
    char *root_path;
    char *store_path;
    unsigned threads;   /* of each operation; 2 at first */
    firn_cipher cipher; /* of a store that an operation creates */
    const firn_keys_source
        *key_source;             /* of handles from the next ws_world_reopen on; may be NULL */
    struct scan_notices notices; /* of the last operation */
    firn_error err;              /* likewise */
};

/* Gives a key file, always the same. */
extern const firn_keys_source ws_key_source;

/* The tree at "/w" and the store at "/s" of a machine in memory. */
void ws_world_open_memory(struct ws_world *world, uint64_t seed);
/* Temporary directories side by side. */
void ws_world_open_disk(struct ws_world *world);
/* Removes everything. */
void ws_world_close(struct ws_world *world);
/* A world of its own with the same machine state; memory only. */
void ws_world_clone(const struct ws_world *from, struct ws_world *out);
/* After a power cut or a change of the seam: handles anew. */
void ws_world_reopen(struct ws_world *world);
/* Gives the tree another path below "/", where it is adopted; memory only. */
void ws_world_move(struct ws_world *world, const char *to);

/* Has saves ask a set directly, as if it were that of a watch in another process. */
struct fi_watchlink_local ws_watch_link_of(struct fi_watch_set *set);

/* Return what the operation returns; world->err and world->notices tell more. out may be NULL. */
int ws_try_save(struct ws_world *world, firn_workspace_save_result *out);
int ws_try_restore(struct ws_world *world, const char *reference,
                   firn_workspace_restore_result *out);
int ws_try_undo(struct ws_world *world, firn_workspace_restore_result *out);
int ws_try_check(struct ws_world *world, firn_workspace_check_result *out);

/* Must succeed. */
firn_workspace_save_result ws_save(struct ws_world *world);
firn_workspace_restore_result ws_restore(struct ws_world *world, const char *reference);
/* The whole tree as text. The caller frees it. */
char *ws_dump(struct ws_world *world);
/* Whether these characters stand in it. */
bool ws_dump_has(struct ws_world *world, const char *text);
void ws_assert_dump(struct ws_world *world, const char *expected);
/* The store is clean, every byte of it. */
void ws_assert_check_clean(struct ws_world *world);
/* Whether a file of the tree, whose dump is `now`, or of one of the 16 newest checkpoints has this
 * content. */
bool ws_is_kept(struct ws_world *world, const char *now, const char *content);

#endif
