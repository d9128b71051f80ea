/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/far/far_fixture.h: a bucket on a machine in memory that counts what is fetched, and can lose a request.
 */
#ifndef FIRN_FAR_FIXTURE_H
#define FIRN_FAR_FIXTURE_H

#include "bucket/bucket_folder.h"
#include "far/far.h"
#include "pack/pack.h"
#include "support/test.h"

enum { FAR_PACK_MAX = 64 };

struct far_fixture {
    struct fi_bucket bucket; /* first; each get goes on to folder */
    struct fi_bucket *folder;
    struct fi_os *os;
    struct fi_os_dir *packs; /* the bucket's directory, for damage */
    struct fi_os_dir *temp;
    uint64_t gets;
    uint64_t bytes;
    uint64_t largest;  /* range */
    uint64_t fails_at; /* this get, from 1, has no answer; 0: none */
    firn_error err;
};

/* The bucket is the directory /b of the machine, temporary files go to /t. */
void far_fixture_init(struct far_fixture *fixture, struct fi_os *os);
void far_fixture_deinit(struct far_fixture *fixture);
/* Puts bytes as packs/NAME. */
void far_fixture_put(struct far_fixture *fixture, const char *name, firn_slice bytes);
/* Counts from zero. */
void far_fixture_reset(struct far_fixture *fixture);
struct fi_far *far_fixture_open(struct far_fixture *fixture, uint64_t bytes_max);
/* Identity and size as a pack's footer has them; its name is "packs/NAME". */
struct fi_far_pack far_fixture_pack(const char *name, firn_slice bytes, uint64_t number);
/* A sum of what a sink got that does not depend on how it was cut, nor on what was a hole. */
struct far_sum {
    uint64_t sum;
    uint64_t size;
    uint64_t calls;
};
int far_fixture_sum(void *ctx, uint64_t offset, firn_slice data, firn_error *err);

#endif
