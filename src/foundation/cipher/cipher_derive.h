/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher_derive.h: keys derived from a master key, one for each purpose and place. None of
 * them is stored, and none tells anything of the master key or of another one. Any thread. Keys
 * have FI_CIPHER_KEY_SIZE bytes, which the caller wipes.
 */
#ifndef FIRN_CIPHER_CIPHER_DERIVE_H
#define FIRN_CIPHER_CIPHER_DERIVE_H

#include <stdint.h>

#include "codec/cdc.h"
#include "firn/types.h"

enum { FI_CIPHER_DERIVE_ID_SIZE = 16, FI_CIPHER_DERIVE_CHECK_SIZE = 8 };

/* Where records of a log stand. Another epoch is another key, though the offsets are the same. */
struct fi_cipher_derive_log_place {
    uint64_t segment;
    uint64_t salt;        /* of the segment */
    const uint8_t *epoch; /* FI_CIPHER_DERIVE_ID_SIZE random bytes */
};

/* The key of a sealed file: its identity is random, and the file is written once. */
void fi_cipher_derive_file(const uint8_t *master, const uint8_t *identity, uint8_t *out);
/* The key of the records that follow an epoch. */
void fi_cipher_derive_log(const uint8_t *master, const struct fi_cipher_derive_log_place *place,
                          uint8_t *out);
/* What the table of cut points is derived from. */
void fi_cipher_derive_cut(const uint8_t *master, uint8_t *out);
/* The table by which contents are cut into chunks, so that the sizes of what is stored do not tell
 * known files. Each four of its numbers are derived from the cut key on their own: a person who
 * finds out some of them, by files whose content and chunks are known, learns nothing of the others
 * or of the master key. */
void fi_cipher_derive_cut_table(const uint8_t *master, struct fi_cdc_table *out);
/* The key of names of contents, where those are outside of encrypted blocks. */
void fi_cipher_derive_name(const uint8_t *master, uint8_t *out);

/* Tells master keys apart without revealing them; FI_CIPHER_DERIVE_CHECK_SIZE bytes. */
void fi_cipher_derive_check(const uint8_t *master, uint8_t *out);

/* For keys of another room's own: a constant that no other call has, and what the key depends on.
 * */
void fi_cipher_derive_own(const char *context, const firn_slice *parts, size_t count, uint8_t *out);

#endif
