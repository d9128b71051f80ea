/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place.h: where stores lie.
 */
#ifndef FIRN_PLACE_PLACE_H
#define FIRN_PLACE_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "catalog/catalog.h"
#include "firn/workspace.h"
#include "os/os.h"
#include "storefile/storefile.h"

/* The name of a store inside of its workspace. */
#define FIRN_PLACE_INSIDE ".firn"

/* Opens a directory, making it and its parents (0700) where `create`. */
FIRN_MUST_CHECK int firn_place_open_dir(struct firn_os *os, const char *path, bool create,
                                        struct firn_os_dir **out, firn_error *err);

/* The folder of the stores of all workspaces that name none: allocated. FIRN_INVALID where the
 * environment names no place for it. */
FIRN_MUST_CHECK int firn_place_home(struct firn_os *os, char **out, firn_error *err);
/* The path of the store in there of a workspace: allocated. */
FIRN_MUST_CHECK int firn_place_default_store(struct firn_os *os, const char *real_root, char **out,
                                             firn_error *err);

/* What a path hashes to in the name of its store. */
uint64_t firn_place_digest(firn_slice real_path);
/* That number from the name of a store in the folder; false for other names. */
bool firn_place_digest_of_name(const char *name, uint64_t *out);

/* Calls visit with the path of every directory in the folder that is named like a store. A folder
 * that is not there holds none. Another return of visit than FIRN_OK ends the walk and is
 * returned. */
FIRN_MUST_CHECK int firn_place_list(struct firn_os *os,
                                    int (*visit)(void *ctx, const char *path, firn_error *err),
                                    void *ctx, firn_error *err);

/* Whether a directory has no name in it. */
FIRN_MUST_CHECK int firn_place_is_empty(struct firn_os_dir *dir, bool *out, firn_error *err);

/* Whether a directory is a store, or what is left of one: it holds the file FIRN or packs. A missing
 * directory is not a store. One that cannot be looked at is a failure, here and below: to take a store
 * for missing would begin a second history. */
FIRN_MUST_CHECK int firn_place_is_store(struct firn_os *os, const char *path, bool *out,
                                        firn_error *err);
/* Fails with the error for packs without the file FIRN. */
FIRN_MUST_CHECK int firn_place_refuse_packs(const char *path, firn_error *err);
/* Whether a directory holds a store of its own (".firn"): a real directory that belongs to this
 * user, to root, or to the owner of the directory around it; one that belongs to another user does not
 * count. One that this user may not look into counts. Whether it is to be used is another question
 * (firn_place_trust_look). */
FIRN_MUST_CHECK int firn_place_holds_inside(struct firn_os_dir *dir, bool *out, firn_error *err);

/* Settings of a user and of a store. include/firn/workspace.h is the public twin. */

/* The name of the file of settings in a store. */
#define FIRN_PLACE_CONFIG_FILE "config"

FIRN_MUST_CHECK int firn_place_config_size(const char *text, uint64_t *out, firn_error *err);
/* store_path NULL: the user's alone. */
FIRN_MUST_CHECK int firn_place_config_list(struct firn_os *os, const char *store_path,
                                           int (*visit)(void *ctx,
                                                        const firn_config_setting *setting),
                                           void *ctx, firn_error *err);
/* A file that cannot be read counts as if it said nothing, but nothing is lost by that
 * (text_cautious); on_notice, which may be NULL, gets it. Fails for want of memory, and if visit
 * does. */
FIRN_MUST_CHECK int
firn_place_config_list_readable(struct firn_os *os, const char *store_path,
                                int (*visit)(void *ctx, const firn_config_setting *setting),
                                void (*on_notice)(void *ctx, const firn_notice *notice), void *ctx,
                                firn_error *err);
/* store_path NULL: the user's. value NULL: as if it had never been set. */
FIRN_MUST_CHECK int firn_place_config_set(struct firn_os *os, const char *store_path,
                                          const char *key, const char *value, firn_error *err);

/* Whether the settings of the store in a directory can be read, there being none included; a notice
 * says what is wrong. */
FIRN_MUST_CHECK int firn_place_config_check(struct firn_os_dir *dir,
                                            const firn_callbacks *callbacks, bool *out_is_sound,
                                            firn_error *err);
/* Makes them readable: lines that are wrong become comments. A file that cannot be repaired so goes by
 * another name, config.unread-1. */
FIRN_MUST_CHECK int firn_place_config_repair(struct firn_os_dir *dir, firn_error *err);
/* In place of settings that cannot be read: nothing expires. */
FIRN_MUST_CHECK int firn_place_config_lost(struct firn_os_dir *dir, firn_error *err);

/* The text of a file of settings.
 *
 *   file := line*, of at most 64 KiB
 *   line := (setting | comment)? ("\n" | "\r\n" | end of the file), with spaces and tabs around each
 *   setting := key blanks "=" blanks value
 *   comment := "#" anything
 *
 * Only the keys of this version, each at most once. */

enum { FIRN_PLACE_CONFIG_TEXT_SIZE_MAX = 64 << 10, FIRN_PLACE_CONFIG_TEXT_VALUE_SIZE = 208 };

enum firn_place_config_key {
    FIRN_PLACE_CONFIG_GC_AUTO,
    FIRN_PLACE_CONFIG_KEEP,
    FIRN_PLACE_CONFIG_SAVE_GITIGNORE,
    FIRN_PLACE_CONFIG_SAVE_INCLUDE_DEPS,
    FIRN_PLACE_CONFIG_SAVE_MAX_FILE_SIZE,
    FIRN_PLACE_CONFIG_SAVE_STRICT,
    FIRN_PLACE_CONFIG_SAVE_WARN_SIZE,
    FIRN_PLACE_CONFIG_WAIT,
    FIRN_PLACE_CONFIG_KEYS
};

struct firn_place_config_text {
    bool is_set[FIRN_PLACE_CONFIG_KEYS];
    uint64_t values[FIRN_PLACE_CONFIG_KEYS]; /* of a switch 0 or 1; of text 0 */
    char texts[FIRN_PLACE_CONFIG_KEYS][FIRN_PLACE_CONFIG_TEXT_VALUE_SIZE]; /* as they stand */
};

/* FIRN_INVALID names the line; nothing is set then, nor at another failure. */
FIRN_MUST_CHECK int firn_place_config_text_read(firn_slice text, struct firn_place_config_text *out,
                                                firn_error *err);
/* Appends the text with every line that cannot be read, or sets what is set already, as a comment. A
 * policy that cannot be read might have been any: unless another is set, nothing expires. */
FIRN_MUST_CHECK int firn_place_config_text_repair(firn_slice text, struct firn_buf *out);
/* Appends the text with one setting changed, or, for value NULL, taken out; everything else stays
 * as it is. The text must be readable. */
FIRN_MUST_CHECK int firn_place_config_text_change(firn_slice text, enum firn_place_config_key key,
                                                  const char *value, struct firn_buf *out);

/* The value as text; what stands for a key that is not set, if it is not. */
void firn_place_config_text_show(const struct firn_place_config_text *config,
                                 enum firn_place_config_key key,
                                 char out[FIRN_PLACE_CONFIG_TEXT_VALUE_SIZE]);

/* Which workspace a path belongs to. */

struct firn_place_locate_request {
    const char *path;       /* of the user's: a directory */
    const char *store_path; /* NULL: look for one */
    bool is_exact;          /* the path is the root, even inside another workspace */
};

/* All strings are owned. */
struct firn_place_located {
    char *root;         /* real path */
    char *sub_path;     /* from the root to what the path named; "" for the root itself */
    char *store_path;   /* may not be there yet */
    char *catalog_root; /* how the catalog calls the root */
    char *moved_from;   /* NULL, or where this same directory was when it was last saved */
    char *moved_store;  /* the store that knows it from there; may be store_path */
    char *
        unread_store; /* NULL, or one in the usual place that could not be read, if none is known */
    bool is_sure;     /* false: the store that was named could not be read */
};

FIRN_MUST_CHECK int firn_place_locate(struct firn_os *os,
                                      const struct firn_place_locate_request *request,
                                      struct firn_place_located *out, firn_error *err);
void firn_place_locate_deinit(struct firn_place_located *located);

/* Workspaces inside of a workspace. */

struct firn_place_nested;

/* What is known of workspaces below `root`, a real path: from the names in the folder of stores and
 * from the catalog of the workspace's own store (NULL: none). */
FIRN_MUST_CHECK int firn_place_nested_create(struct firn_os *os, const char *root,
                                             struct firn_catalog *catalog,
                                             struct firn_place_nested **out, firn_error *err);
/* NULL is fine. */
void firn_place_nested_destroy(struct firn_place_nested *nested);

/* False: there is none below the root, but for those that bring their store along. Any thread. */
bool firn_place_nested_may_hold(const struct firn_place_nested *nested);
/* A digest of 16 bytes of all that the next answers depends on, but for stores that come and go in
 * the usual place without a change of their names. */
void firn_place_nested_digest(const struct firn_place_nested *nested, uint8_t *out);
/* Whether a directory below the root, by its path from there, is the root of a workspace of its
 * own. Any thread. */
FIRN_MUST_CHECK int firn_place_nested_holds(const struct firn_place_nested *nested, firn_slice path,
                                            bool *out, firn_error *err);
/* Whether a directory, of which this is an entry, brings its store along: the entry is ".firn" and
 * holds a store; and whether that is this user's. Any thread. */
FIRN_MUST_CHECK int firn_place_nested_find_store(struct firn_os_dir *dir, const char *name,
                                                 bool *out_has, bool *out_is_own, firn_error *err);

/* Small files that firn keeps for its user outside of every tree and store. */

/* Names of the folders. A leading point keeps them apart from stores. */
#define FIRN_PLACE_PRIVATE_TRUSTED ".trusted"
#define FIRN_PLACE_PRIVATE_RESTORING ".restoring"

enum { FIRN_PLACE_PRIVATE_SIZE_MAX = 16384, FIRN_PLACE_PRIVATE_NAME_SIZE = 33 };

/* Opens one of the folders; with `create` makes it (0700). FIRN_NOT_FOUND where it is missing,
 * FIRN_INVALID where the environment names no place for it, FIRN_DENIED where others could have
 * written to it. */
FIRN_MUST_CHECK int firn_place_private_open(struct firn_os *os, const char *folder, bool create,
                                            struct firn_os_dir **out, firn_error *err);
/* Replaces the contents of out by those of a file. FIRN_NOT_FOUND; FIRN_LIMIT where it is larger
 * than FIRN_PLACE_PRIVATE_SIZE_MAX. */
FIRN_MUST_CHECK int firn_place_private_read(struct firn_os_dir *dir, const char *name,
                                            struct firn_buf *out, firn_error *err);
/* Durable when it returns FIRN_OK; after a crash the file is the old one or the new one. */
FIRN_MUST_CHECK int firn_place_private_write(struct firn_os_dir *dir, const char *name,
                                             firn_slice bytes, firn_error *err);
/* Durable too. That there is none is fine. */
FIRN_MUST_CHECK int firn_place_private_remove(struct firn_os_dir *dir, const char *name,
                                              firn_error *err);
/* The name of the file about `key`: FIRN_PLACE_PRIVATE_NAME_SIZE bytes with the NUL. */
void firn_place_private_name(firn_slice key, char *out);

/* The roots of workspaces that stores know. */

/* How the root of a workspace is called in the catalog of a store inside of it. */
#define FIRN_PLACE_ROOTS_INSIDE "."

/* All strings are owned. */
struct firn_place_roots_root {
    char *store_path;
    char *root;         /* real path */
    char *catalog_root; /* as the catalog has it */
    struct firn_catalog_workspace workspace;
    uint64_t checkpoints; /* normal ones; 0 unless counted */
    int64_t newest_ns;    /* 0 unless counted */
};

struct firn_place_roots {
    struct firn_os *os;
    bool counts; /* also count checkpoints */
    struct firn_place_roots_root *items;
    size_t count;
    size_t capacity;
};

/* Reads the catalog of one store; FIRN_NOT_FOUND where there is none. Changes nothing. */
FIRN_MUST_CHECK int firn_place_roots_add_store(struct firn_place_roots *roots,
                                               const char *store_path, firn_error *err);
/* The same from a catalog that is open. */
FIRN_MUST_CHECK int firn_place_roots_add_catalog(struct firn_place_roots *roots,
                                                 struct firn_catalog *catalog,
                                                 const char *store_path, firn_error *err);
/* Of every store in the folder of stores. on_unreadable, which may be NULL, is told of those that
 * cannot be read, and goes on. */
FIRN_MUST_CHECK int firn_place_roots_add_all(struct firn_place_roots *roots,
                                             void (*on_unreadable)(void *ctx,
                                                                   const char *store_path,
                                                                   const firn_error *why),
                                             void *ctx, firn_error *err);
void firn_place_roots_deinit(struct firn_place_roots *roots);

/* NULL if there is none. */
const struct firn_place_roots_root *firn_place_roots_find(const struct firn_place_roots *roots,
                                                          const char *real_path);

/* The root of that directory, if it is not at its path any more; else NULL. */
FIRN_MUST_CHECK int firn_place_roots_find_moved(const struct firn_place_roots *roots,
                                                const struct firn_os_stat *stat,
                                                const struct firn_place_roots_root **out,
                                                firn_error *err);

/* The real path of the directory in which a path lies (its last component need not be there), if
 * that component is ".firn" and no link; NULL in *out otherwise. Allocated. */
FIRN_MUST_CHECK int firn_place_roots_inside_of(struct firn_os *os, const char *store_path,
                                               char **out, firn_error *err);

/* Whether a store that lies in a tree was made there by this user. */

/* What was found in a directory. */
struct firn_place_trust_look {
    bool has_store;           /* there is a store called ".firn" in it, as far as can be seen */
    bool is_trusted;          /* this user made it there, or said so */
    struct firn_os_stat stat; /* of the store's directory */
    bool has_id;              /* false where the file FIRN cannot be read */
    uint8_t id[FIRN_STOREFILE_ID_SIZE];
};

/* Looks at one directory, by its real path. One that is missing or cannot be looked at has no store. A
 * store counts if it belongs to this user, to root, or to the owner of the directory; any other does
 * not. Changes nothing. */
FIRN_MUST_CHECK int firn_place_trust_look(struct firn_os *os, const char *real_root,
                                          struct firn_place_trust_look *out, firn_error *err);
/* Fails with FIRN_UNTRUSTED; the message says why that store is not used. */
FIRN_MUST_CHECK int firn_place_trust_refuse(const char *real_root,
                                            const struct firn_place_trust_look *look,
                                            firn_error *err);

/* Enters the store in the directory; durable when it returns FIRN_OK. */
FIRN_MUST_CHECK int firn_place_trust_enter(struct firn_os *os, const char *real_root,
                                           firn_error *err);
/* A directory is about to take the place of the store's: it is entered if that one is. */
FIRN_MUST_CHECK int firn_place_trust_carry(struct firn_os *os, struct firn_os_dir *from,
                                           struct firn_os_dir *to, firn_error *err);

/* The public functions, include/firn/workspace.h. */
FIRN_MUST_CHECK int firn_place_trust_find(struct firn_os *os, const char *path,
                                          int (*visit)(void *ctx, const firn_trust_info *info),
                                          void *ctx, firn_error *err);
FIRN_MUST_CHECK int firn_place_trust_add(struct firn_os *os, const char *path, firn_error *err);
FIRN_MUST_CHECK int firn_place_trust_remove(struct firn_os *os, const char *path, firn_error *err);
FIRN_MUST_CHECK int firn_place_trust_list(struct firn_os *os,
                                          int (*visit)(void *ctx, const firn_trust_info *info),
                                          void *ctx, firn_error *err);

#endif
