/* SPDX-License-Identifier: Apache-2.0
 *
 * version/manifest.h: MANIFEST, which says what runs there are: the record log "manifest" of the
 * store's directory (docs/formats/manifest.md).
 *
 * One thread at a time. The directory handle is borrowed and must outlive the manifest.
 */
#ifndef FIRN_VERSION_MANIFEST_H
#define FIRN_VERSION_MANIFEST_H

#include <stdbool.h>

#include "log/log.h"
#include "version/manifest_edit.h"
#include "version/manifest_state.h"

/* The name of the record log. */
#define FIRN_MANIFEST_NAME "manifest"
#include "os/os.h"

struct firn_manifest;

/* Makes an empty one, durable when this returns. FIRN_EXISTS if there is one. gate, copied, may be
 * NULL. */
FIRN_MUST_CHECK int firn_manifest_create(struct firn_os_dir *dir, const struct firn_log_gate *gate,
                                         struct firn_manifest **out, firn_error *err);
/* Reads it into *state (zeroed before), and opens it for appending; gate as above. FIRN_CORRUPT and
 * FIRN_NEWER name file and offset; FIRN_NOT_FOUND if there is none. */
FIRN_MUST_CHECK int firn_manifest_open(struct firn_os_dir *dir, const struct firn_log_gate *gate,
                                       struct firn_manifest_state *state,
                                       struct firn_manifest **out, firn_error *err);
/* Reads it, writes nothing; a writer may append beside it. */
FIRN_MUST_CHECK int firn_manifest_read(struct firn_os_dir *dir, struct firn_manifest_state *state,
                                       firn_error *err);

/* Reads it in the same way; *out is as firn_log_capture says, of what was read. */
FIRN_MUST_CHECK int firn_manifest_capture(struct firn_os_dir *dir,
                                          struct firn_manifest_state *state, struct firn_buf *out,
                                          firn_error *err);

/* Appends an edit, durable when this returns. A failure leaves MANIFEST as it was, unless
 * firn_manifest_has_failed says otherwise: then it is not known whether the edit is there, and
 * everything is refused with FIRN_FAILED. */
FIRN_MUST_CHECK int firn_manifest_append(struct firn_manifest *manifest,
                                         const struct firn_manifest_edit *edit, firn_error *err);
/* The same of a record that says nothing but how far the log is durable. */
FIRN_MUST_CHECK int firn_manifest_append_log_end(struct firn_manifest *manifest,
                                                 struct firn_log_position log_end, firn_error *err);
/* Whether so much has been appended that a snapshot makes it smaller. */
bool firn_manifest_wants_snapshot(const struct firn_manifest *manifest);
/* Begins a new segment with a snapshot and gives up the older ones. Fails as append does. */
FIRN_MUST_CHECK int firn_manifest_snapshot(struct firn_manifest *manifest,
                                           const struct firn_manifest_edit *snapshot,
                                           firn_error *err);
/* Whether a failure has latched it. Any thread. */
bool firn_manifest_has_failed(struct firn_manifest *manifest);

/* The handle is gone afterwards, whatever is returned. NULL is fine. */
FIRN_MUST_CHECK int firn_manifest_close(struct firn_manifest *manifest, firn_error *err);
/* As a crash would. NULL is fine. */
void firn_manifest_abandon(struct firn_manifest *manifest);

#endif
