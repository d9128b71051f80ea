/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/pack/pack_fixture.h: a machine in memory, and packs in it whose objects are known by number.
 */
#ifndef FIRN_PACK_FIXTURE_H
#define FIRN_PACK_FIXTURE_H

#include "base/buf.h"
#include "pack/pack.h"
#include "sim/sim_memory.h"
#include "support/test_file.h"

struct pack_object {
    enum fi_pack_kind kind;
    firn_hash hash;
    struct fi_buf content; /* of PIECES: the list */
};

struct pack_fixture {
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_pack_scratch *scratch;
    struct pack_object *objects;
    size_t count;
};

void pack_fixture_init(struct pack_fixture *fixture);
void pack_fixture_deinit(struct pack_fixture *fixture);
/* Appends an object that is to be written; its name is computed (for PIECES the caller sets
 * hash). */
struct pack_object *pack_fixture_add(struct pack_fixture *fixture, enum fi_pack_kind kind,
                                     const void *data, size_t size);
/* Appends `size` bytes of noise (which zstd cannot shrink) or of text, by seed. */
struct pack_object *pack_fixture_add_noise(struct pack_fixture *fixture, uint64_t seed,
                                           size_t size);
struct pack_object *pack_fixture_add_text(struct pack_fixture *fixture, uint64_t seed, size_t size);
/* Appends a list of pieces of two objects by number with a hole between, under the right name. */
struct pack_object *pack_fixture_add_pieces(struct pack_fixture *fixture, size_t first,
                                            uint64_t hole, size_t second);

/* A dozen small objects of noise, of all kinds: every frame is plain, the file about 2 KiB. */
void pack_fixture_fill_small(struct pack_fixture *fixture);

/* Writes all objects through one lane, which is flushed after every `flush_every` (0: only at the
 * end). Asserts nothing: returns the first error. */
int pack_fixture_write(struct pack_fixture *fixture, const char *name, size_t flush_every,
                       firn_error *err);
/* Opens and reads every object by its name, asserting that what is read without error is right.
 * Returns the first error, else that of verify. */
int pack_fixture_read(struct pack_fixture *fixture, const char *name, firn_error *err);

/* Fills out with bytes that follow from the seed alone. */
void pack_fixture_noise(uint64_t seed, void *out, size_t size);

#endif
