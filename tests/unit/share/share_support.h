/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/share/share_support.h: machines that share a remote, which is a directory of one machine in
 * memory: each has a tree and a store of its own. And the remote itself, for tests that look into
 * it or write to it. Everything fails the running test where something goes wrong that the test did
 * not ask for.
 */
#ifndef FIRN_TEST_SHARE_SUPPORT_H
#define FIRN_TEST_SHARE_SUPPORT_H

#include "remote/remote.h"
#include "share/share.h"
#include "share/share_internal.h"
#include "support/workspace/gc_support.h"

#define SHARE_REMOTE "/r"

/* The first machine, with the remote "origin"; and another one beside it: its tree at `path`, its
 * store at the same path with an "s". Those beside are closed before the first. */
void share_open(struct ws_world *world, uint64_t seed);
void share_open_beside(struct ws_world *world, const char *path, struct ws_world *out);
void share_close_beside(struct ws_world *beside);

/* For a remote that becomes encrypted if stores are (support/store/encrypted.c). */
struct fi_share_add_options share_add_options(void);
/* Return what the operation returns. out may be NULL. References end with a NULL; none: all that is
 * new. */
int share_try_add(struct ws_world *world);
int share_try_push(struct ws_world *world, const char *const *references, firn_push_result *out);
int share_try_pull(struct ws_world *world, firn_pull_result *out);
/* Must succeed. */
firn_push_result share_push(struct ws_world *world);
firn_pull_result share_pull(struct ws_world *world);

/* The tree of a checkpoint as text, restored into a directory that is removed again. The caller
 * frees it. */
char *share_dump(struct ws_world *world, const char *reference);
void share_assert_dump(struct ws_world *world, const char *reference, const char *expected);

/* Deletes a system keyspace of the store, if there is one. */
void share_drop(struct ws_world *world, const char *keyspace);

/* ==== the remote ==== */

/* The storage of the remote of that world. */
struct fi_bucket *share_open_bucket(struct ws_world *world);

struct share_remote {
    struct fi_bucket *bucket;
    struct fi_remote remote;   /* with its newest state */
    struct fi_share_keys keys; /* of an encrypted one */
    struct fi_cipher_keyring *keyring;
    struct fi_remote_seal seal;
    struct fi_remote_change change;
};

void share_remote_open(struct ws_world *world, struct share_remote *out);
/* Publishes the change, which is empty afterwards. */
void share_remote_publish(struct share_remote *at);
void share_remote_close(struct share_remote *at);
/* How many entries begin so. */
size_t share_remote_count(struct ws_world *world, const char *prefix);
/* The i-th entry that begins so; NULL: there is none. Valid while `at` is open. */
const struct fi_remote_item *share_remote_entry(const struct share_remote *at, const char *prefix,
                                                size_t i);
/* What the remote of one machine in memory has, that of another one gets, too. */
void share_remote_copy(struct ws_world *from, struct ws_world *to);

#endif
