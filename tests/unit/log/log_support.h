/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/log/log_support.h: what the tests of the log share. Record number i has a type and a payload
 * that follow from i alone, so that a log is compared with a range of numbers; a payload that is
 * not empty begins with i.
 */
#ifndef FIRN_TEST_LOG_SUPPORT_H
#define FIRN_TEST_LOG_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "log/log.h"
#include "os/os.h"

enum { LOG_SUPPORT_PAYLOAD_MAX = 2000 };
struct log_support_record {
    uint8_t type;
    size_t size;
    uint8_t payload[LOG_SUPPORT_PAYLOAD_MAX];
};
void log_support_record(uint64_t i, struct log_support_record *out);
/* Appends record i, in one to three parts. */
int log_support_append(struct fi_log *log, uint64_t i, struct fi_log_position *out,
                       firn_error *err);
/* So many records that the file of their segment is used again. */
enum { LOG_SUPPORT_PER_SEGMENT = 400 };
/* Appends so many records more, from number *count on, and counts them. They must succeed. */
void log_support_fill(struct fi_log *log, uint64_t *count);

/* Passed as ctx to log_support_visit: counts records and compares each with its number. */
struct log_support_seen {
    bool
        is_first_unknown; /* true: first is found out from the first record that tells its number */
    uint64_t first;       /* number of the first record */
    uint64_t count;       /* records seen */
    bool is_wrong;        /* one differed */
    uint64_t stop_at;     /* not 0: the visit of that many records returns FIRN_CANCELLED */
    struct fi_log_position last;
};
int log_support_visit(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position,
                      firn_error *err);

/* Opens, reads, and closes with fi_log_abandon again; the result of fi_log_open. */
int log_support_read(struct fi_os_dir *dir, const struct fi_log_options *options,
                     struct log_support_seen *seen, struct fi_log_recovery *recovery,
                     firn_error *err);

/* Whole files: reading appends to out; writing creates or replaces. They must succeed. */
void log_support_get_file(struct fi_os_dir *dir, const char *name, struct fi_buf *out);
void log_support_put_file(struct fi_os_dir *dir, const char *name, firn_slice bytes);
bool log_support_has_file(struct fi_os_dir *dir, const char *name);

/* The root directory of a memory file system. */
struct fi_os_dir *log_support_root(struct fi_os *os);

/* ---- encrypted logs ---- */

/* From now on directories get a seal with a key and this cipher, and logs in them are encrypted; 0:
 * none, as at first. False: this machine lacks the cipher. */
bool log_support_encrypt(unsigned cipher);
/* Gives the seal, if any, to a directory that was opened; log_support_root does. */
void log_support_seal(struct fi_os_dir *dir);
/* The same by a key of choice: 32 times the byte. number: of the master key. */
void log_support_seal_with(struct fi_os_dir *dir, unsigned cipher, uint32_t number, uint8_t byte);

#endif
