/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share.h: the remotes of a workspace's store. include/firn/remote.h describes each function.
 *
 * What the store itself knows of its remotes are system keyspaces (docs/formats/catalog.md): their
 * names, the states that were seen last, and which objects are in which of their files. All but the
 * names is derived: without it a push sends again what is there.
 *
 * (I1) The store is locked only while its own keyspaces are written: a push reads it as any other
 *      reader does. A pull has it locked. Not checked: the tests save during a push.
 * (I2) What a remote says counts only after it was compared: contents with their names, records
 *      with what the catalog allows. Nothing of it names a place on this machine. Not checked:
 *      tests/unit/share has remotes that lie.
 */
#ifndef FIRN_SHARE_SHARE_H
#define FIRN_SHARE_SHARE_H

#include "base/error.h"
#include "firn/remote.h"
#include "handle/ws.h"
#include "keys/keys.h"
#include "unlock/unlock.h"

struct fi_share_add_options {
    bool must_exist; /* a place without a remote does not become one */
    /* It has to be encrypted, and a new one is; those of an encrypted store are anyway. */
    bool encrypt;
};
FIRN_MUST_CHECK int fi_share_name_add(struct firn_ws *ws, const char *name, const char *url,
                                      const struct fi_share_add_options *options, firn_error *err);
FIRN_MUST_CHECK int fi_share_name_remove(struct firn_ws *ws, const char *name, firn_error *err);
FIRN_MUST_CHECK int fi_share_name_visit(struct firn_ws *ws,
                                        int (*visit)(void *ctx, const firn_remote_info *remote),
                                        void *ctx, firn_error *err);

/* The keys of an encrypted remote: share_rekey.c. */
struct fi_share_rekey {
    struct firn_ws *ws;
    const char *remote; /* its name, or its URL; NULL: the only one, or "origin" */
    const struct fi_unlock_source *source; /* counts alone; NULL: what the store keeps, and ws */
    int64_t lock_timeout_ms;               /* more than that of ws; at most some weeks */
};
FIRN_MUST_CHECK int fi_share_rekey_list(const struct fi_share_rekey *rekey,
                                        int (*on_slot)(void *ctx, const firn_keys_slot *slot),
                                        void *ctx, firn_keys_info *out, firn_error *err);
FIRN_MUST_CHECK int fi_share_rekey_add(const struct fi_share_rekey *rekey,
                                       const struct fi_keys_secret *secret, firn_slice label,
                                       uint16_t *out_number, firn_error *err);
FIRN_MUST_CHECK int fi_share_rekey_change(const struct fi_share_rekey *rekey, uint16_t number,
                                          const struct fi_keys_secret *secret, firn_error *err);
FIRN_MUST_CHECK int fi_share_rekey_remove(const struct fi_share_rekey *rekey, uint16_t number,
                                          firn_error *err);
FIRN_MUST_CHECK int fi_share_rekey_replace(const struct fi_share_rekey *rekey,
                                           const struct fi_keys_secret *secret, firn_slice label,
                                           uint16_t *out_number, firn_error *err);
FIRN_MUST_CHECK int fi_share_rekey_rotate(const struct fi_share_rekey *rekey, firn_error *err);
/* Drops all master keys but the newest, which has to be the newest of `used`, too: FIRN_BUSY.
 * Requires: nothing in the remote is encrypted with an older one. */
FIRN_MUST_CHECK int fi_share_rekey_drop(const struct fi_share_rekey *rekey,
                                        const struct fi_keys *used, firn_error *err);
FIRN_MUST_CHECK int fi_share_rekey_remember(const struct fi_share_rekey *rekey, uint32_t seconds,
                                            firn_error *err);
FIRN_MUST_CHECK int fi_share_rekey_forget(const struct fi_share_rekey *rekey, size_t *out_count,
                                          firn_error *err);

FIRN_MUST_CHECK int fi_share_push(struct firn_ws *ws, const char *name,
                                  const firn_push_options *options, firn_push_result *out,
                                  firn_error *err);
FIRN_MUST_CHECK int fi_share_pull(struct firn_ws *ws, const char *name,
                                  const firn_pull_options *options, firn_pull_result *out,
                                  firn_error *err);
/* Only the checkpoint options->reference. */
FIRN_MUST_CHECK int fi_share_take_whole(struct firn_ws *ws, const char *name,
                                        const firn_pull_options *options, firn_pull_result *out,
                                        firn_error *err);
/* out_requests may be NULL. */
FIRN_MUST_CHECK int fi_share_cat(struct firn_ws *ws, const char *name, const char *reference,
                                 firn_slice path, firn_write_bytes write, void *ctx,
                                 firn_workspace_entry **out, uint64_t *out_requests,
                                 firn_error *err);
FIRN_MUST_CHECK int fi_share_take(struct firn_ws *ws, const char *name, const char *reference,
                                  const firn_take_options *options, firn_take_result *out,
                                  firn_error *err);
FIRN_MUST_CHECK int fi_share_prune(struct firn_ws *ws, const char *name,
                                   const firn_prune_options *options, firn_prune_result *out,
                                   firn_error *err);
FIRN_MUST_CHECK int fi_share_renew(struct firn_ws *ws, const char *remote,
                                   const firn_remote_rekey_options *options,
                                   firn_remote_rekey_result *out, firn_error *err);
FIRN_MUST_CHECK int fi_share_check(struct firn_ws *ws, const char *name,
                                   const firn_remote_check_options *options,
                                   firn_remote_check_result *out, firn_error *err);
/* remote: its name, or its URL. share_locked.c. */
FIRN_MUST_CHECK int fi_share_locked(struct firn_ws *ws, const char *remote,
                                    const firn_remote_check_locked_options *options,
                                    firn_remote_check_locked_result *out, firn_error *err);
FIRN_MUST_CHECK int fi_share_log(struct firn_ws *ws, const char *name, uint64_t limit,
                                 int (*visit)(void *ctx, const firn_remote_change *change),
                                 void *ctx, firn_error *err);

#endif
