/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place.h: where stores are, and their settings.
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
#include "trust/trust.h"

/* The path of a workspace's store in the folder of stores (fi_trust_home): allocated. */
FIRN_MUST_CHECK int fi_place_default_store(struct fi_os *os, const char *real_root, char **out,
                                           firn_error *err);

/* The hash of a path in the name of its store. */
uint64_t fi_place_digest(firn_slice real_path);
/* Reads that hash from the name of a store in the folder; false for other names. */
bool fi_place_digest_of_name(const char *name, uint64_t *out);

/* Calls visit with the path of every directory in the folder that is named like a store. A missing
 * folder has none. A result of visit other than FIRN_OK ends the walk and is returned. */
FIRN_MUST_CHECK int fi_place_list(struct fi_os *os,
                                  int (*visit)(void *ctx, const char *path, firn_error *err),
                                  void *ctx, firn_error *err);

/* Whether a directory is empty. */
FIRN_MUST_CHECK int fi_place_is_empty(struct fi_os_dir *dir, bool *out, firn_error *err);

/* Whether there is a store at a path, as fi_trust_inside_is_store says. A missing directory is
 * not a store; an unreadable one is a failure. */
FIRN_MUST_CHECK int fi_place_is_store(struct fi_os *os, const char *path, bool *out,
                                      firn_error *err);
/* Fails with the error for packs without the file FIRN. */
FIRN_MUST_CHECK int fi_place_refuse_packs(const char *path, firn_error *err);
/* Settings of a user and of a store. include/firn/workspace.h is the public twin. */

/* The name of the file of settings in a store. */
#define FI_PLACE_CONFIG_FILE FI_TRUST_SETTINGS_FILE

FIRN_MUST_CHECK int fi_place_config_size(const char *text, uint64_t *out, firn_error *err);
/* store_path NULL: only the user's settings. */
FIRN_MUST_CHECK int fi_place_config_list(struct fi_os *os, const char *store_path,
                                         int (*visit)(void *ctx,
                                                      const firn_config_setting *setting),
                                         void *ctx, firn_error *err);
/* An unreadable file counts as empty, but with values that delete nothing
 * (fi_place_config_text_cautious), and is
 * reported to on_notice, which may be NULL. Fails only if memory runs out or visit fails. */
FIRN_MUST_CHECK int
fi_place_config_list_readable(struct fi_os *os, const char *store_path,
                              int (*visit)(void *ctx, const firn_config_setting *setting),
                              void (*on_notice)(void *ctx, const firn_notice *notice), void *ctx,
                              firn_error *err);
/* store_path NULL: the user's settings. value NULL: unsets the key. */
FIRN_MUST_CHECK int fi_place_config_set(struct fi_os *os, const char *store_path, const char *key,
                                        const char *value, firn_error *err);

/* Whether the settings of the store in a directory can be read; a missing file can. A notice says
 * what is wrong. */
FIRN_MUST_CHECK int fi_place_config_check(struct fi_os_dir *dir, const firn_callbacks *callbacks,
                                          bool *out_is_sound, firn_error *err);
/* Makes the settings readable: wrong lines become comments. A file that cannot be repaired in this
 * way is renamed config.unread-1, or the next free number, and replaced. */
FIRN_MUST_CHECK int fi_place_config_repair(struct fi_os_dir *dir, firn_error *err);
/* Writes settings in place of ones that were lost: nothing expires. */
FIRN_MUST_CHECK int fi_place_config_lost(struct fi_os_dir *dir, firn_error *err);

/* The text of a file of settings: place_config_text.c.
 *
 *   file := line*, of at most 64 KiB
 *   line := (setting | comment)? ("\n" | "\r\n" | end of the file)
 *   setting := key blanks "=" blanks value
 *   comment := "#" anything
 *
 * Spaces and tabs may surround a setting or comment. Only the keys of this version are allowed,
 * each at most once. */

enum { FI_PLACE_CONFIG_TEXT_SIZE_MAX = 64 << 10, FI_PLACE_CONFIG_TEXT_VALUE_SIZE = 208 };

enum fi_place_config_key {
    FI_PLACE_CONFIG_GC_AUTO,
    FI_PLACE_CONFIG_KEEP,
    FI_PLACE_CONFIG_PUSH_AUTO,
    FI_PLACE_CONFIG_SAVE_GIT,
    FI_PLACE_CONFIG_SAVE_GITIGNORE,
    FI_PLACE_CONFIG_SAVE_INCLUDE_DEPS,
    FI_PLACE_CONFIG_SAVE_MAX_FILE_SIZE,
    FI_PLACE_CONFIG_SAVE_STRICT,
    FI_PLACE_CONFIG_SAVE_WARN_SIZE,
    FI_PLACE_CONFIG_UI_COLOR,
    FI_PLACE_CONFIG_UI_PAGER,
    FI_PLACE_CONFIG_WAIT,
    FI_PLACE_CONFIG_KEYS
};

struct fi_place_config_text {
    bool is_set[FI_PLACE_CONFIG_KEYS];
    uint64_t values[FI_PLACE_CONFIG_KEYS]; /* 0 or 1 for a switch; 0 for text */
    char texts[FI_PLACE_CONFIG_KEYS][FI_PLACE_CONFIG_TEXT_VALUE_SIZE]; /* as written */
};

/* After FIRN_INVALID err names the line. After any failure nothing is set. */
FIRN_MUST_CHECK int fi_place_config_text_read(firn_slice text, struct fi_place_config_text *out,
                                              firn_error *err);
/* Appends the text, with every line that cannot be read, or sets a key again, made a comment. An
 * unreadable policy might have been any: unless another is set, nothing expires. */
FIRN_MUST_CHECK int fi_place_config_text_repair(firn_slice text, struct fi_buf *out);
/* Appends the text with one setting changed, or removed if value is NULL; everything else stays as
 * it is. Requires: the text is readable. */
FIRN_MUST_CHECK int fi_place_config_text_change(firn_slice text, enum fi_place_config_key key,
                                                const char *value, struct fi_buf *out);

/* The value as text; the default if the key is not set. */
void fi_place_config_text_show(const struct fi_place_config_text *config,
                               enum fi_place_config_key key,
                               char out[FI_PLACE_CONFIG_TEXT_VALUE_SIZE]);

const char *fi_place_config_text_name(enum fi_place_config_key key);
/* FIRN_INVALID, with the names of all settings, if there is no such key. */
FIRN_MUST_CHECK int fi_place_config_text_find(firn_slice name, enum fi_place_config_key *out,
                                              firn_error *err);
/* Reads a size (firn_config_size); false, with *out unchanged, if it is none. */
bool fi_place_config_text_size(firn_slice text, uint64_t *out);
/* FIRN_INVALID, with the values that the key takes. */
FIRN_MUST_CHECK int fi_place_config_text_value(enum fi_place_config_key key, firn_slice value,
                                               uint64_t *out, firn_error *err);
/* The value that is used for a key while a file cannot be read; NULL: as if the key were not
 * set. */
const char *fi_place_config_text_cautious(enum fi_place_config_key key);

/* Whether a directory that the catalog of a named store calls a workspace is one. */

enum fi_place_claim {
    FI_PLACE_CLAIM_NONE,   /* it does not count: the directory is left alone */
    FI_PLACE_CLAIM_USUAL,  /* the store is in the usual place */
    FI_PLACE_CLAIM_INSIDE, /* the store is inside the directory */
    FI_PLACE_CLAIM_NOTED,  /* a note of this user says so */
    FI_PLACE_CLAIM_SAME,   /* the directory is the one that was saved */
    FI_PLACE_CLAIM_NAMED,  /* the user names the directory itself */
    FI_PLACE_CLAIM_NEW     /* the catalog does not have it */
};

/* What is known of a store without believing its catalog. */
struct fi_place_claim_store {
    uint8_t id[FI_STOREFILE_ID_SIZE];
    bool is_own;   /* no other user may have written it */
    bool is_usual; /* it is in the usual place */
};

FIRN_MUST_CHECK int fi_place_claim_store_init(struct fi_os_dir *store, const uint8_t *id,
                                              struct fi_place_claim_store *out, firn_error *err);
struct fi_place_roots_root;
/* Judges an entry of a catalog. `path` is the real path of the directory that it is to be about:
 * its root, or where that was moved to. Never FI_PLACE_CLAIM_NAMED or FI_PLACE_CLAIM_NEW. */
FIRN_MUST_CHECK int fi_place_claim_assess(struct fi_os *os,
                                          const struct fi_place_roots_root *claimed,
                                          const char *path, enum fi_place_claim *out,
                                          firn_error *err);
/* To be called before the store in the directory `to`, which has another id, replaces the one in
 * `from` at store_path: what this user noted about the roots of the one is noted about the other,
 * durably. */
FIRN_MUST_CHECK int fi_place_claim_carry(struct fi_os_dir *from, struct fi_os_dir *to,
                                         const char *store_path, firn_error *err);
/* Returns FIRN_UNTRUSTED. */
FIRN_MUST_CHECK int fi_place_claim_refuse(const char *root, const char *store_path,
                                          firn_error *err);

/* Which workspace a path belongs to. */

struct fi_unlock_source;

struct fi_place_locate_request {
    const char *path;       /* given by the user: a directory */
    bool path_is_real;      /* an earlier result: links in it are not followed */
    const char *store_path; /* NULL: look for one */
    bool is_exact;          /* the path is the root, even inside another workspace */
    bool names_root;        /* the user named the path: if it is a root, that counts */
    const struct fi_unlock_source *unlock; /* of store_path, if it is encrypted */
};

/* All strings are owned. */
struct fi_place_located {
    char *root;         /* real path */
    char *sub_path;     /* from the root to what the path named; "" for the root itself */
    char *store_path;   /* may not exist yet */
    char *catalog_root; /* the name of the root in the catalog */
    char *moved_from;   /* NULL, or the path of this directory when it was last saved */
    char *moved_store;  /* the store that has that path; may be store_path */
    /* NULL, or one in the usual place that could not be read, if none is found */
    char *unread_store;
    bool is_sure;              /* false: the named store could not be read */
    enum fi_place_claim claim; /* why the root counts */
};

FIRN_MUST_CHECK int fi_place_locate(struct fi_os *os, const struct fi_place_locate_request *request,
                                    struct fi_place_located *out, firn_error *err);
void fi_place_locate_deinit(struct fi_place_located *located);

/* Workspaces inside a workspace. */

struct fi_place_nested;

/* Collects the workspaces below `root`, a real path: from the names in the folder of stores and
 * from the catalog of the workspace's own store (NULL: none). With `named`, of a store that was
 * named, only those whose claim counts. */
FIRN_MUST_CHECK int fi_place_nested_create(struct fi_os *os, const char *root,
                                           struct fi_catalog *catalog,
                                           const struct fi_place_claim_store *named,
                                           struct fi_place_nested **out, firn_error *err);
/* NULL is fine. */
void fi_place_nested_destroy(struct fi_place_nested *nested);

/* False: there is no workspace below the root, except those with a store inside them. Any
 * thread. */
bool fi_place_nested_may_hold(const struct fi_place_nested *nested);
/* A digest (16 bytes) of everything that fi_place_nested_holds and fi_place_nested_find_store
 * depend on besides the directory, except for stores and notes that appear or vanish under a name
 * that was there before. */
void fi_place_nested_digest(const struct fi_place_nested *nested, uint8_t *out);
/* Whether a directory below the root is the root of a workspace of its own; path is relative to the
 * root. Any thread. */
FIRN_MUST_CHECK int fi_place_nested_holds(const struct fi_place_nested *nested, firn_slice path,
                                          bool *out, firn_error *err);
/* Whether an open directory, whose path is relative to the root, has a store ".firn" inside; and
 * whether this user made or trusts that store. With `nested` NULL no store is trusted: the tree is
 * not that of a workspace. Any thread. */
FIRN_MUST_CHECK int fi_place_nested_find_store(const struct fi_place_nested *nested,
                                               struct fi_os_dir *dir, firn_slice path,
                                               bool *out_has, bool *out_is_trusted,
                                               firn_error *err);

/* The roots of workspaces in the catalogs of stores. */

/* The name of a workspace's root in the catalog of a store inside that workspace. */
#define FI_PLACE_ROOTS_INSIDE "."

/* All strings are owned. */
struct fi_place_roots_root {
    char *store_path;
    char *root;         /* real path */
    char *catalog_root; /* as the catalog has it */
    bool is_inside;     /* the store is in the root */
    struct fi_catalog_workspace workspace;
    struct fi_place_claim_store store;
    uint64_t checkpoints; /* normal ones; 0 unless counted */
    int64_t newest_ns;    /* 0 unless counted */
};

struct fi_place_roots {
    struct fi_os *os;
    const struct fi_unlock_source *unlock; /* of a store that was named, if it is encrypted */
    bool counts;                           /* also count checkpoints */
    struct fi_place_roots_root *items;
    size_t count;
    size_t capacity;
};

/* Reads the catalog of one store; FIRN_NOT_FOUND if there is none. Changes nothing. */
FIRN_MUST_CHECK int fi_place_roots_add_store(struct fi_place_roots *roots, const char *store_path,
                                             firn_error *err);
/* The same from the open directory of a store. */
FIRN_MUST_CHECK int fi_place_roots_add_dir(struct fi_place_roots *roots, struct fi_os_dir *dir,
                                           const char *store_path, firn_error *err);
/* The same from an open catalog. */
FIRN_MUST_CHECK int fi_place_roots_add_catalog(struct fi_place_roots *roots,
                                               struct fi_catalog *catalog,
                                               const struct fi_place_claim_store *store,
                                               const char *store_path, firn_error *err);
/* The same for every store in the folder of stores. Unreadable stores are reported to
 * on_unreadable, which may be NULL, and skipped. */
FIRN_MUST_CHECK int fi_place_roots_add_all(struct fi_place_roots *roots,
                                           void (*on_unreadable)(void *ctx, const char *store_path,
                                                                 const firn_error *why),
                                           void *ctx, firn_error *err);
void fi_place_roots_deinit(struct fi_place_roots *roots);

/* NULL if there is none. */
const struct fi_place_roots_root *fi_place_roots_find(const struct fi_place_roots *roots,
                                                      const char *real_path);

/* Whether a workspace of the catalog was saved from the directory with this stat. */
bool fi_place_claim_is_same(const struct fi_catalog_workspace *workspace,
                            const struct fi_os_stat *stat);
/* The root that was this directory, if it is no longer at its path; otherwise NULL. */
FIRN_MUST_CHECK int fi_place_roots_find_moved(const struct fi_place_roots *roots,
                                              const struct fi_os_stat *stat,
                                              const struct fi_place_roots_root **out,
                                              firn_error *err);

/* The real path of the parent directory of a path, if the last component is ".firn" and not a link
 * (it need not exist); otherwise *out is NULL. Allocated. */
FIRN_MUST_CHECK int fi_place_roots_inside_of(struct fi_os *os, const char *store_path, char **out,
                                             firn_error *err);

/* The branch and the commit that HEAD names in the git repository that a directory, given by its
 * real path, is in; empty texts if there is none, or where it cannot be read. Writes nothing, needs
 * no git, cannot fail. */
void fi_place_git_read(struct fi_os *os, const char *root, firn_workspace_git *out);
/* Whether a directory has a file .git that names no directory that is there. Cannot fail. */
bool fi_place_git_is_lost(struct fi_os_dir *dir);
/* Whether git tracks a file below the entry `name` of that directory, as far as the index of the
 * repository can be read. Writes nothing, needs no git, cannot fail. */
bool fi_place_git_tracks(struct fi_os *os, const char *root, const char *name);
/* The same of the index in the directory of a repository, for a path from the repository's top with
 * a slash at its end. */
bool fi_place_git_index_has(struct fi_os_dir *repository, firn_slice below);

#endif
